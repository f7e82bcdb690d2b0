/**
 * The revision of a pod template: Serin's own hash of what the user stored (contracts 5). It never equals Kubernetes'
 * pod-template-hash and never depends on library versions: the input is canonical JSON of the served object.
 */

/** Set by `kubectl rollout restart`; restarting pods is no new revision. */
const RESTARTED_AT = 'kubectl.kubernetes.io/restartedAt';
/** Kubernetes' own alphabet for hashes: no vowels, so no words. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const LENGTH = 10;

/**
 * The short hash (10 characters, about 47 bits) of a Deployment's `spec.template`, as the API server returns it.
 * Key order and null fields do not matter; list order does.
 */
export function revisionOf(podTemplate: unknown): string {
  return shortHash(canonicalJson(withoutRestart(podTemplate)));
}

/** JSON with sorted keys; `null` and `undefined` fields are left out (`creationTimestamp: null`). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isRecord(value)) return JSON.stringify(value ?? null);
  const fields = Object.keys(value)
    .filter((key) => value[key] !== undefined && value[key] !== null)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  return `{${fields.join(',')}}`;
}

/** A short, stable, non-cryptographic hash of any text (two 32-bit lanes in the manner of MurmurHash3). */
export function shortHash(text: string): string {
  let low = 0xdeadbeef;
  let high = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x9e3779b1);
    high = Math.imul(high ^ unit, 0x5f356495);
  }
  low = avalanche(low) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  high = avalanche(high) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  let rest = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  let hash = '';
  for (let i = 0; i < LENGTH; i++) {
    hash += ALPHABET[Number(rest % 27n)] ?? '';
    rest /= 27n;
  }
  return hash;
}

const avalanche = (lane: number): number => Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);

function withoutRestart(podTemplate: unknown): unknown {
  if (!isRecord(podTemplate) || !isRecord(podTemplate['metadata'])) return podTemplate;
  const { annotations, ...metadata } = podTemplate['metadata'];
  if (!isRecord(annotations)) return podTemplate;
  const { [RESTARTED_AT]: _restartedAt, ...rest } = annotations;
  const kept = Object.keys(rest).length === 0 ? metadata : { ...metadata, annotations: rest };
  return { ...podTemplate, metadata: kept };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

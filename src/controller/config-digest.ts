/** Reads the ConfigMaps and Secrets that a pod template names, one by one and by name, and keeps nothing but SHA-256 digests of them. */
import { createHash } from 'node:crypto';
import { type Finding, TYPES } from '../api/meta.ts';
import { messageOf, SerinError } from '../errors.ts';
import { grantFor } from '../kube/grant.ts';
import type { KubeReader } from '../kube/port.ts';
import type { ConfigState } from '../release/observed.ts';
import { canonicalJson } from '../release/revision.ts';
import { configContentOf } from '../workloads/config/content.ts';
import type { ConfigReference } from '../workloads/config/references.ts';

type Found = ConfigState | (Finding & { readonly kind?: undefined });
type Kind = ConfigReference['kind'];

/** Hexadecimal digits: 64 bits tell contents apart, and fit an annotation that people read. */
const LENGTH = 16;
/** What the schema of the status holds; the digest is of all of them. */
const MOST_SHOWN = 64;

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, LENGTH);

/** What pods that start now read, or why they could not start, or what may not be read. Throws where the API server does not answer. */
export async function readConfig(
  kube: Pick<KubeReader, 'get'>,
  namespace: string,
  references: readonly ConfigReference[],
  signal: AbortSignal,
): Promise<Found> {
  const groups = Map.groupBy(references, ({ kind, name }) => `${kind} ${name}`);
  const names = [...groups.keys()].toSorted();
  const found = await Promise.all(
    names.map((object) => readObject(kube, namespace, object, groups.get(object) ?? [], signal)),
  );
  const trouble = found.find((each) => 'reason' in each);
  if (trouble !== undefined) return trouble;
  const objects = found.filter((each) => 'digest' in each);
  return { kind: 'config', digest: digestOf(canonicalJson(objects)), objects: objects.slice(0, MOST_SHOWN) };
}

async function readObject(
  kube: Pick<KubeReader, 'get'>,
  namespace: string,
  object: string,
  references: readonly ConfigReference[],
  signal: AbortSignal,
): Promise<ConfigState['objects'][number] | (Finding & { readonly kind?: undefined })> {
  const [{ kind, name }] = references as readonly [ConfigReference];
  const type = kind === 'Secret' ? TYPES.secret : TYPES.configMap;
  try {
    const content = configContentOf(references, await kube.get({ type, namespace, name }, signal));
    if (content.kind === 'content') return { object, digest: digestOf(content.text) };
    const { where } = content.reference;
    const lacks = content.key === undefined ? 'does not exist' : `has no key "${content.key}"`;
    const fix = content.key === undefined ? 'Create it' : 'Add it';
    return {
      reason: 'ConfigMissing',
      message: `${object} in namespace ${namespace} ${lacks}, and pods of spec.workload.deployment need it (${where}): new ones cannot start. ${fix}, or mark the reference optional.`,
    };
  } catch (thrown) {
    if (!(thrown instanceof SerinError) || thrown.code !== 'SERIN_E_FORBIDDEN') throw thrown;
    return forbidden(kind, namespace, name, messageOf(thrown));
  }
}

function forbidden(kind: Kind, namespace: string, name: string, denial: string): Finding & { kind?: undefined } {
  const grant = grantFor(namespace, name, denial, kind === 'Secret' ? 'secrets' : 'configmaps');
  return {
    reason: kind === 'Secret' ? 'SecretForbidden' : 'PermissionMissing',
    message: `spec.workload.deployment.configDigest asks to read ${kind} ${namespace}/${name}, which may not be read. Allow it: ${grant} — or set configNamespaces in the chart’s values.`,
  };
}

/** Identity of a pod template: equality as the controller means it, and the short hash in names and labels. */
import { HASH, type PodTemplate } from './objects.ts';

/** JSON with sorted keys, so that the order of fields never counts; absent, null and empty are not told apart. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, inner]) => [key, canonical(inner)] as const)
    .filter(([, inner]) => !isEmpty(inner))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

function textOf(template: PodTemplate): string {
  const { [HASH]: _hash, ...labels } = template.metadata?.labels ?? {};
  return JSON.stringify(canonical({ ...template, metadata: { ...template.metadata, labels } }));
}

/** Equal but for the hash label that the controller adds (`EqualIgnoreHash`). */
export function isSameTemplate(left: PodTemplate, right: PodTemplate): boolean {
  return textOf(left) === textOf(right);
}

const SAFE = 'bcdfghjklmnpqrstvwxz2456789';

/** FNV-1a over the template and the collision count, in the alphabet of Kubernetes' `SafeEncodeString`. */
export function templateHash(template: PodTemplate, collisionCount: number): string {
  let hash = 0x811c9dc5;
  for (const char of `${textOf(template)}${collisionCount}`) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return String(hash).replace(/\d/g, (digit) => SAFE[digit.charCodeAt(0) % SAFE.length] ?? '');
}

/**
 * A Service that is switched keeps the keys that its author chose; only the values of labels that tell the two versions apart
 * change. So whatever else it selects by stays, and no label of Serin's is needed on anybody's pods.
 */
import type { KubeObject } from '../../api/meta.ts';
import { hasLabels } from '../../workloads/selectors.ts';

export type Labels = Readonly<Record<string, string>>;

/** One Service that is switched. */
export interface Switch {
  readonly role: 'active' | 'preview';
  readonly field: string;
  readonly name: string;
  readonly service: KubeObject;
  readonly now: Labels;
  /** As it was taken; what it is now before that. */
  readonly before: Labels;
}

/** Which of two versions a selector finds by the labels of their pod templates. */
export type Found = 'one' | 'other' | 'both' | 'neither';

export function foundBy(selector: Labels, one: Labels, other: Labels): Found {
  const [isOne, isOther] = [hasLabels(one, selector), hasLabels(other, selector)];
  if (isOne) return isOther ? 'both' : 'one';
  return isOther ? 'other' : 'neither';
}

/** The same keys, led to `one` and not to `other`; `undefined` where no key of it tells them apart. An empty selector selects nobody. */
export function aimed(selector: Labels, one: Labels, other: Labels): Labels | undefined {
  const next = Object.fromEntries(
    Object.entries(selector).map(([key, value]) => {
      const [ours, theirs] = [one[key], other[key]];
      return [key, ours !== undefined && theirs !== undefined && ours !== theirs ? ours : value];
    }),
  );
  return foundBy(next, one, other) === 'one' ? next : undefined;
}

/** Labels of which the two versions have different values, for advice: `version: v1 or v2`. */
export function difference(one: Labels, other: Labels): string {
  const keys = Object.keys(one).filter((key) => other[key] !== undefined && other[key] !== one[key]);
  return keys.map((key) => `${key}: ${one[key] ?? ''} or ${other[key] ?? ''}`).join(', ');
}

/** `app=web, version=v1`. */
export const written = (selector: Labels): string =>
  Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');

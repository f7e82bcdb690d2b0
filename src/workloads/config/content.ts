/**
 * What pods that start now read of one ConfigMap or Secret: the text whose digest stands for it. It holds the values of Secrets: hash it at
 * once, and pass it on to nobody.
 */
import { at, labelsAt, stringAt } from '../../api/fields.ts';
import { canonicalJson } from '../../release/revision.ts';
import type { ConfigReference } from './references.ts';

export type ConfigContent =
  | { readonly kind: 'content'; readonly text: string }
  /** Pods with this reference do not start. Without `key` the whole object is missing. */
  | { readonly kind: 'missing'; readonly reference: ConfigReference; readonly key?: string };

/**
 * `references` are those to this very object; `object` as the API server gives it, `undefined` where there is none. The order of keys and
 * of references does not matter, nor does anything but what is read: other keys, metadata, `immutable`.
 */
export function configContentOf(references: readonly ConfigReference[], object: unknown): ConfigContent {
  const read = new Map<string, string | null>();
  for (const reference of references) {
    if (object === undefined) {
      if (!reference.isOptional) return { kind: 'missing', reference };
      continue;
    }
    const maps = reference.isMounted ? ['data', 'binaryData'] : ['data'];
    for (const key of reference.keys ?? []) {
      const found = maps.filter((map) => at(object, map, key) !== undefined);
      if (found.length === 0 && !reference.isOptional) return { kind: 'missing', reference, key };
      for (const map of maps) read.set(`${map}/${key}`, stringAt(object, map, key) ?? null);
    }
    if (reference.keys !== undefined) continue;
    for (const map of maps)
      for (const [key, value] of Object.entries(labelsAt(object, map))) read.set(`${map}/${key}`, value);
  }
  const entries = [...read].toSorted(([one], [other]) => (one < other ? -1 : 1));
  // An object that is not there differs from one that has nothing of what is read.
  return { kind: 'content', text: canonicalJson(object === undefined ? null : entries) };
}

/** One http rule of a VirtualService, read without losing anything: raw entries beside what they mean. */
import { at, type Fields, isFields, listAt, numberAt, stringAt } from '../../api/fields.ts';
import type { JsonPatchOperation, KubeObject } from '../../api/meta.ts';
import { canonicalJson, shortHash } from '../../release/revision.ts';
import { type Destination, type Mesh, type Role, roleOf } from './destination.ts';

export interface Entry {
  /** The entry as it stands in the VirtualService, unknown fields included. */
  readonly raw: Fields;
  readonly destination: Destination;
  readonly role: Role;
  /** As written; Istio reads a missing one as 0, or as everything where it is the only destination. */
  readonly weight: number | undefined;
}

export interface Rule {
  readonly index: number;
  readonly name: string | undefined;
  /** Finds the rule again after others were added or removed: its name or its matches, and the how-manieth of these. */
  readonly key: string;
  readonly raw: Fields;
  readonly entries: readonly Entry[];
}

export function entryOf(raw: unknown, mesh: Mesh): Entry {
  const fields = isFields(raw) ? raw : {};
  const subset = stringAt(fields, 'destination', 'subset');
  const destination = {
    host: stringAt(fields, 'destination', 'host') ?? '',
    // Istio reads an empty subset as none.
    ...(subset === undefined || subset === '' ? {} : { subset }),
  };
  return { raw: fields, destination, role: roleOf(destination, mesh), weight: numberAt(fields, 'weight') };
}

export function rulesOf(virtualService: KubeObject, mesh: Mesh): readonly Rule[] {
  const seen = new Map<string, number>();
  return listAt(virtualService, 'spec', 'http').map((raw, index) => {
    const fields = isFields(raw) ? raw : {};
    const name = stringAt(fields, 'name') || undefined;
    const base = name === undefined ? `match/${shortHash(canonicalJson(at(fields, 'match')))}` : `name/${name}`;
    const occurrence = seen.get(base) ?? 0;
    seen.set(base, occurrence + 1);
    const entries = listAt(fields, 'route').map((entry) => entryOf(entry, mesh));
    return { index, name, key: `${base}/${occurrence}`, raw: fields, entries };
  });
}

/** Guards that the route at this place is still the one that was read. */
export function guardOf({ index, name, raw }: Rule): readonly JsonPatchOperation[] {
  const path = `/spec/http/${index}`;
  if (name !== undefined) return [{ op: 'test', path: `${path}/name`, value: name }];
  return listAt(raw, 'match').length === 0 ? [] : [{ op: 'test', path: `${path}/match`, value: raw['match'] }];
}

/** Where the rule is, for messages: its name, or its place among the http routes. */
export function describeRule(rule: Rule): string {
  return rule.name === undefined ? `http route #${rule.index + 1}` : `http route "${rule.name}"`;
}

/** What each entry gets of the rule's requests, in Istio's parts (they need not add up to 100). */
function partsOf(entries: readonly Pick<Entry, 'weight'>[]): readonly number[] {
  const only = entries.length === 1 ? entries[0] : undefined;
  if (only !== undefined) return [only.weight === undefined || only.weight === 0 ? 100 : only.weight];
  return entries.map(({ weight }) => weight ?? 0);
}

/** Parts of the two arms together and of the canary alone. */
export function armParts(entries: readonly Pick<Entry, 'weight' | 'role'>[]): { total: number; canary: number } {
  const parts = partsOf(entries);
  const sum = (role: Role): number =>
    entries.reduce((total, entry, index) => total + (entry.role === role ? (parts[index] ?? 0) : 0), 0);
  const canary = sum('canary');
  return { total: sum('stable') + canary, canary };
}

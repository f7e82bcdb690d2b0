/** Structured merge: what an applied configuration makes of the live object, and taking fields out of it again. */
import { isObject, type Json, type JsonObject } from '../json.ts';
import type { Schema } from '../schema/schema.ts';
import { type Atom, atomOf, childSchema } from './atom.ts';
import type { FieldSet } from './field-set.ts';
import { fieldElement, itemElement } from './path-element.ts';

type ListAtom = Extract<Atom, { kind: 'list' }>;

/** Values of `applied` win; maps are merged by key and keyed lists by item, in the order of the configuration. */
export function merge(live: Json | undefined, applied: Json | undefined, schema: Schema | undefined): Json | undefined {
  if (applied === undefined) return live;
  const atom = atomOf(schema, applied);
  if (live === undefined && (atom.kind !== 'list' || atom.atomic))
    return atom.kind === 'map' && isObject(applied) ? mergeMaps({}, applied, atom.schema) : applied;
  if (atom.kind === 'scalar' || atom.atomic) return applied;
  if (atom.kind === 'map') {
    if (!isObject(applied)) return isObject(live) ? live : applied;
    return mergeMaps(isObject(live) ? live : {}, applied, atom.schema);
  }
  if (!Array.isArray(applied)) return Array.isArray(live) ? live : applied;
  return mergeLists(Array.isArray(live) ? live : [], applied, atom);
}

function mergeMaps(live: JsonObject, applied: JsonObject, schema: Schema | undefined): JsonObject {
  const result: JsonObject = { ...live };
  for (const [key, value] of Object.entries(applied)) result[key] = merge(live[key], value, childSchema(schema, key));
  return result;
}

function mergeLists(live: readonly Json[], applied: readonly Json[], atom: ListAtom): Json[] {
  const liveElements = live.map((item) => itemElement(atom, item));
  const appliedElements = applied.map((item) => itemElement(atom, item));
  const repeated = appliedElements.find((element, index) => appliedElements.indexOf(element) !== index);
  if (repeated !== undefined) throw new Error(`duplicate entries for key ${keyText(repeated)}`);
  const shared = appliedElements.filter((element) => liveElements.includes(element));
  const merged = new Set<string>();
  const result: Json[] = [];
  const take = (element: string, index: number): void => {
    const at = liveElements.indexOf(element);
    const unique = at === liveElements.lastIndexOf(element);
    merged.add(element);
    const value = merge(at >= 0 && unique ? live[at] : undefined, applied[index], atom.items);
    if (value !== undefined) result.push(value);
    if (shared[0] === element) shared.shift();
  };
  let left = 0;
  let right = 0;
  while (left < live.length || right < applied.length) {
    const mine = liveElements[left];
    const theirs = appliedElements[right];
    if (mine !== undefined && mine === theirs) {
      take(mine, right);
      left += 1;
      right += 1;
    } else if (mine !== undefined && !appliedElements.includes(mine)) {
      const kept = live[left];
      if (kept !== undefined) result.push(kept);
      left += 1;
    } else if (mine !== undefined && (merged.has(mine) || (theirs !== undefined && shared[0] !== mine))) {
      left += 1;
    } else if (theirs !== undefined) {
      take(theirs, right);
      right += 1;
    } else left += 1;
  }
  return result;
}

function keyText(element: string): string {
  if (!element.startsWith('k:')) return `[=${element.slice(2)}]`;
  const keys = JSON.parse(element.slice(2)) as Record<string, Json>;
  return `[${Object.entries(keys)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(',')}]`;
}

/** The value without the paths of the set. Containers that become empty go too, as in the real merge. */
export function removeFields(value: Json | undefined, set: FieldSet, schema: Schema | undefined): Json | undefined {
  const atom = atomOf(schema, value);
  if (atom.kind === 'scalar') return value;
  if (atom.kind === 'list') {
    if (!Array.isArray(value) || value.length === 0 || atom.atomic) return undefined;
    const kept = value.flatMap((item) => {
      const element = itemElement(atom, item);
      if (set.members.has(element)) return [];
      const below = set.below(element);
      return [below.empty ? item : (removeFields(item, below, atom.items) ?? {})];
    });
    return kept.length === 0 ? undefined : kept;
  }
  if (!isObject(value) || Object.keys(value).length === 0 || atom.atomic) return undefined;
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    const element = fieldElement(key);
    if (set.members.has(element)) continue;
    const below = set.below(element);
    const kept = below.empty ? member : removeFields(member, below, childSchema(atom.schema, key));
    result[key] = kept === undefined ? null : kept;
  }
  return Object.keys(result).length === 0 ? undefined : dropEmptied(result, value);
}

/** A member that lost everything is left out; one that was null before stays null. */
function dropEmptied(result: JsonObject, before: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(result).filter(([key, value]) => value !== null || before[key] === null));
}

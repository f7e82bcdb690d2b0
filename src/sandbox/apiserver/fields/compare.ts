/** What changed between two versions of an object, as three field sets. */
import { equalJson, isObject, type Json } from '../json.ts';
import type { Schema } from '../schema/schema.ts';
import { type Atom, atomOf, childSchema } from './atom.ts';
import { FieldSet } from './field-set.ts';
import { fieldElement, itemElement, type PathElement } from './path-element.ts';

export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

export function compare(before: Json | undefined, after: Json | undefined, schema: Schema | undefined): Comparison {
  const result = { added: new FieldSet(), modified: new FieldSet(), removed: new FieldSet() };
  walk(before, after, schema, [], result);
  return result;
}

export function mapComparison(comparison: Comparison, change: (set: FieldSet) => FieldSet): Comparison {
  return {
    added: change(comparison.added),
    modified: change(comparison.modified),
    removed: change(comparison.removed),
  };
}

function walk(
  before: Json | undefined,
  after: Json | undefined,
  schema: Schema | undefined,
  path: readonly PathElement[],
  result: Comparison,
): void {
  if (before === after) return;
  const atom = atomOf(schema, after ?? before);
  if (atom.kind === 'scalar' || atom.atomic || (isHollow(before) && isHollow(after))) {
    markLeaf(before, after, path, result);
    return;
  }
  if (atom.kind === 'list') walkList(before, after, atom, path, result);
  else walkMap(before, after, atom.schema, path, result);
  if (before === undefined) result.added.insert(path);
  else if (after === undefined) result.removed.insert(path);
}

function markLeaf(
  before: Json | undefined,
  after: Json | undefined,
  path: readonly PathElement[],
  result: Comparison,
): void {
  if (before === undefined) result.added.insert(path);
  else if (after === undefined) result.removed.insert(path);
  else if (!equalJson(before, after)) result.modified.insert(path);
}

function walkMap(
  before: Json | undefined,
  after: Json | undefined,
  schema: Schema | undefined,
  path: readonly PathElement[],
  result: Comparison,
): void {
  const left = isObject(before) ? before : {};
  const right = isObject(after) ? after : {};
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    walk(left[key], right[key], childSchema(schema, key), [...path, fieldElement(key)], result);
  }
}

function walkList(
  before: Json | undefined,
  after: Json | undefined,
  atom: Extract<Atom, { kind: 'list' }>,
  path: readonly PathElement[],
  result: Comparison,
): void {
  const left = grouped(before, atom);
  const right = grouped(after, atom);
  for (const element of new Set([...left.keys(), ...right.keys()])) {
    const lefts = left.get(element) ?? [];
    const rights = right.get(element) ?? [];
    const below = [...path, element];
    if (lefts.length <= 1 && rights.length <= 1) walk(lefts[0], rights[0], atom.items, below, result);
    else if (lefts.length >= 2 && rights.length >= 2) {
      if (!equalJson(lefts, rights)) result.modified.insert(below);
    } else if (lefts.length >= 2) {
      if (rights[0] !== undefined) walk(undefined, rights[0], atom.items, below, result);
      result.removed.insert(below);
    } else {
      if (lefts[0] !== undefined) walk(lefts[0], undefined, atom.items, below, result);
      result.added.insert(below);
    }
  }
}

/** Items by path element; several under one element are duplicates. */
function grouped(value: Json | undefined, atom: Extract<Atom, { kind: 'list' }>): Map<PathElement, Json[]> {
  const groups = new Map<PathElement, Json[]>();
  for (const item of Array.isArray(value) ? value : []) {
    const element = itemElement(atom, item);
    groups.set(element, [...(groups.get(element) ?? []), item]);
  }
  return groups;
}

function isHollow(value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) && Object.keys(value).length === 0;
}

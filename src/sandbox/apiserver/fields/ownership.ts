/**
 * Field ownership as in structured-merge-diff: an update takes the fields it changes from whoever had them; an apply merges,
 * takes back what its manager no longer applies and nobody else owns, and is refused where it would change another's field.
 */
import { equalJson, type JsonObject } from '../json.ts';
import type { Schema } from '../schema/schema.ts';
import { fieldsOf } from './collect.ts';
import { type Comparison, compare, mapComparison } from './compare.ts';
import { FieldSet, readablePath } from './field-set.ts';
import { identity, type Manager, type Managers } from './managers.ts';
import { merge, removeFields } from './merge.ts';
import type { PathElement } from './path-element.ts';

export interface OwnershipRules {
  readonly schema: Schema | undefined;
  /** Fields that this endpoint does not write: `status` at the object, everything else at `status`. */
  readonly filter: (set: FieldSet) => FieldSet;
}

export interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  readonly subresource: string;
  /** Absent for writes through `scale`, which the real server does not date. */
  readonly time: string | undefined;
}

export interface FieldConflict {
  readonly manager: Manager;
  readonly path: readonly PathElement[];
}

/** Fields of the object's identity are never owned. */
const NEVER_OWNED = FieldSet.of(
  ['f:apiVersion'],
  ['f:kind'],
  ['f:metadata'],
  ['f:metadata', 'f:name'],
  ['f:metadata', 'f:namespace'],
  ['f:metadata', 'f:creationTimestamp'],
  ['f:metadata', 'f:selfLink'],
  ['f:metadata', 'f:uid'],
  ['f:metadata', 'f:clusterName'],
  ['f:metadata', 'f:generation'],
  ['f:metadata', 'f:managedFields'],
  ['f:metadata', 'f:resourceVersion'],
);

const unowned = (set: FieldSet): FieldSet => set.difference(NEVER_OWNED);

/** The managers after `writer` made `next` of `live`. Entries whose set stays the same keep their time. */
export function afterUpdate(
  live: JsonObject,
  next: JsonObject,
  managers: Managers,
  writer: Writer,
  rules: OwnershipRules,
): Managers {
  const changes = mapComparison(compare(live, next, rules.schema), rules.filter);
  const others = takeFrom(managers, changes, undefined);
  const mine = unowned(rules.filter(changes.modified.union(changes.added)));
  const result = new Map(others.managers);
  const entry: Manager = { ...writer, operation: 'Update', set: mine };
  if (!mine.empty) {
    const key = identity(entry);
    const previous = result.get(key);
    result.set(key, previous === undefined ? entry : { ...entry, set: previous.set.union(mine) });
  }
  return result;
}

export type ApplyOutcome =
  | { readonly kind: 'applied'; readonly object: JsonObject; readonly managers: Managers; readonly changed: boolean }
  | { readonly kind: 'conflicts'; readonly conflicts: readonly FieldConflict[] };

/** Merges the configuration into the live object. Throws a sentence when a keyed list has duplicate or keyless items. */
export function afterApply(
  live: JsonObject,
  configuration: JsonObject,
  managers: Managers,
  writer: Writer,
  rules: OwnershipRules,
  force: boolean,
): ApplyOutcome {
  const merged = merge(live, configuration, rules.schema) as JsonObject;
  const entry: Manager = {
    ...writer,
    operation: 'Apply',
    set: rules.filter(fieldsOf(configuration, rules.schema)),
  };
  const key = identity(entry);
  const last = managers.get(key);
  const withMine = new Map(managers).set(key, entry);
  const pruned = last === undefined || last.set.empty ? merged : prune(merged, withMine, last.set, rules.schema);
  const changes = mapComparison(compare(live, pruned, rules.schema), rules.filter);
  const taken = takeFrom(withMine, changes, key);
  if (!force && taken.conflicts.length > 0) return { kind: 'conflicts', conflicts: taken.conflicts };
  const result = new Map(taken.managers);
  const changed = !equalJson(live, pruned);
  const mine = unowned(entry.set);
  if (mine.empty) result.delete(key);
  else {
    result.set(key, { ...entry, set: mine, time: changed ? writer.time : last?.time });
  }
  return { kind: 'applied', object: pruned, managers: result, changed };
}

interface Taken {
  readonly managers: Managers;
  readonly conflicts: readonly FieldConflict[];
}

function takeFrom(managers: Managers, changes: Comparison, self: string | undefined): Taken {
  const touched = changes.modified.union(changes.added);
  const result = new Map<string, Manager>();
  const conflicts: FieldConflict[] = [];
  for (const [key, manager] of managers) {
    if (key === self) {
      result.set(key, manager);
      continue;
    }
    const lost = manager.set.intersection(touched);
    conflicts.push(...lost.paths().map((path) => ({ manager, path })));
    const kept = manager.set.difference(lost).difference(changes.removed);
    if (!kept.empty) result.set(key, { ...manager, set: kept });
  }
  return { managers: result, conflicts };
}

/** Removes what the manager applied last time, unless it or anybody else still owns it. */
function prune(merged: JsonObject, managers: Managers, last: FieldSet, schema: Schema | undefined): JsonObject {
  const lastNamed = last.withNamedFields(schema);
  const first = removeFields(merged, lastNamed, schema);
  const mergedSet = fieldsOf(merged, schema).withNamedFields(schema);
  const owned = [...managers.values()].reduce((all, manager) => all.union(manager.set), new FieldSet());
  const keep = fieldsOf(first, schema).withNamedFields(schema).union(owned.withNamedFields(schema));
  const second = removeFields(merged, mergedSet.difference(keep), schema);
  const survivors = fieldsOf(second, schema).withNamedFields(schema);
  const gone = mergedSet.difference(survivors).intersection(lastNamed);
  return removeFields(merged, gone, schema) as JsonObject;
}

/** `.spec.replicas`, as conflict messages spell it. */
export const conflictField = (conflict: FieldConflict): string => readablePath(conflict.path);

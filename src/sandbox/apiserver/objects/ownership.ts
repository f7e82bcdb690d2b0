/** managedFields of a write: which manager, which endpoint, and what that endpoint may own. */
import { FieldSet } from '../fields/field-set.ts';
import { type Managers, readManagers, writeManagers } from '../fields/managers.ts';
import { afterUpdate, type OwnershipRules, type Writer } from '../fields/ownership.ts';
import { equalJson, isObject, type JsonObject } from '../json.ts';
import { apiVersionOf, type Resource } from '../kinds/resource.ts';
import { asJson, type ManagedFieldsEntry, type StoredObject } from '../object.ts';
import type { Schema } from '../schema/schema.ts';
import { type Machine, secondsOf, type Subresource, type WriteOptions } from './context.ts';

const STATUS = FieldSet.of(['f:status']);
const ROOTS = new WeakMap<Schema, Schema>();

/** The schema of the whole object: what the kind declares, with metadata as it is everywhere. */
function rootSchema(machine: Machine, resource: Resource): Schema {
  const { schema = {}, custom } = resource;
  if (!custom) return schema;
  let root = ROOTS.get(schema);
  if (root === undefined) {
    const text = { type: 'string' } as const;
    const metadata = machine.metadataSchema === undefined ? {} : { metadata: machine.metadataSchema };
    root = { ...schema, properties: { ...schema.properties, apiVersion: text, kind: text, ...metadata } };
    ROOTS.set(schema, root);
  }
  return root;
}

export function ownershipRules(machine: Machine, resource: Resource, subresource: Subresource): OwnershipRules {
  const schema = rootSchema(machine, resource);
  if (subresource === 'status' && resource.custom) return { schema, filter: (set) => set.onlyTrees(STATUS) };
  if (subresource === 'status') {
    const kept = FieldSet.of(['f:spec'], ...resource.statusKeeps.map((field) => ['f:metadata', `f:${field}`]));
    return { schema, filter: (set) => set.withoutTrees(kept) };
  }
  if (resource.hasStatus) return { schema, filter: (set) => set.withoutTrees(STATUS) };
  return { schema, filter: (set) => set };
}

export function writerOf(machine: Machine, resource: Resource, options: WriteOptions): Writer {
  return {
    manager: options.fieldManager === '' ? 'unknown' : options.fieldManager,
    apiVersion: apiVersionOf(resource),
    subresource: options.subresource,
    time: options.subresource === 'scale' ? undefined : secondsOf(machine.nowMs()),
  };
}

export function withoutManagedFields(object: StoredObject): JsonObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...asJson(object), metadata };
}

/** A user may clear managedFields, or edit them; a write through a subresource cannot. */
function managersBefore(before: StoredObject | undefined, next: StoredObject, subresource: Subresource): Managers {
  const live = before?.metadata.managedFields;
  if (subresource !== '') return readManagers(live);
  const given: ManagedFieldsEntry[] | undefined = next.metadata.managedFields;
  if (given === undefined) return readManagers(live);
  const [only] = given;
  const isReset = given.length === 0 || (given.length === 1 && Object.keys(only ?? {}).length === 0);
  if (isReset) return new Map();
  const wellFormed = given.every((entry) => isObject(entry.fieldsV1));
  return readManagers(wellFormed ? given : live);
}

/** Sets `next.metadata.managedFields` for a create, update or patch. Both objects are in the version of the request. */
export function recordUpdate(
  machine: Machine,
  resource: Resource,
  before: StoredObject | undefined,
  next: StoredObject,
  options: WriteOptions,
): void {
  const managers = managersBefore(before, next, options.subresource);
  const rules = ownershipRules(machine, resource, options.subresource);
  const live = before === undefined ? emptyObject(resource, rules.schema) : withoutManagedFields(before);
  let result = managers;
  try {
    result = afterUpdate(live, withoutManagedFields(next), managers, writerOf(machine, resource, options), rules);
  } catch {
    result = new Map(); // an item without its keys: ownership cannot be told, so nobody owns anything
  }
  setManagers(next, result);
}

/** What "nothing" looks like: built-in kinds are structs, and their inner structs are there from the start. */
export function emptyObject(resource: Resource, schema: Schema | undefined): JsonObject {
  return resource.custom ? {} : skeleton(schema, []);
}

function skeleton(schema: Schema | undefined, above: readonly Schema[]): JsonObject {
  const result: JsonObject = {};
  for (const [field, known] of Object.entries(schema?.properties ?? {})) {
    if (known.type === 'object' && isObject(known.default) && !above.includes(known)) {
      result[field] = skeleton(known, [...above, known]);
    } else if (known.type === 'array' && schema?.required?.includes(field) === true) result[field] = null;
  }
  return result;
}

export function setManagers(object: StoredObject, managers: Managers): void {
  const entries = writeManagers(managers);
  if (entries.length === 0) delete object.metadata.managedFields;
  else object.metadata.managedFields = entries;
}

/** Equal but for the times of managedFields: such a write changes nothing. */
export function isNoop(before: StoredObject, next: StoredObject): boolean {
  if (!equalJson(withoutManagedFields(before), withoutManagedFields(next))) return false;
  const timeless = (entries: readonly ManagedFieldsEntry[] | undefined): string[] =>
    (entries ?? []).map((entry) => JSON.stringify({ ...entry, time: '' })).toSorted();
  return equalJson(timeless(before.metadata.managedFields), timeless(next.metadata.managedFields));
}

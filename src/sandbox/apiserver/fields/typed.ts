/** Whether a configuration fits the schema well enough to be merged: fields that exist, of the right shape. */
import { isObject, type Json } from '../json.ts';
import { allowsAnyField, fieldSchema, type Schema } from '../schema/schema.ts';
import { atomOf } from './atom.ts';
import { itemElement, readable } from './path-element.ts';

/** A sentence on the first misfit of each kind, `.spec.foo: field not declared in schema`; empty when all fits. */
export function typedProblems(value: Json, schema: Schema | undefined, path = ''): string[] {
  if (schema === undefined || value === null) return [];
  const { type } = schema;
  if (type === 'object') {
    if (!isObject(value)) return [`${path}: expected map, got ${shown(value)}`];
    const problems = Object.entries(value).flatMap(([key, member]) => {
      const known = fieldSchema(schema, key);
      if (known === undefined && !allowsAnyField(schema) && !isFree(schema)) {
        return [`${path}.${key}: field not declared in schema`];
      }
      return member === undefined ? [] : typedProblems(member, known, `${path}.${key}`);
    });
    return problems.slice(0, 1);
  }
  if (type === 'array') {
    if (!Array.isArray(value)) return [`${path}: expected list, got ${shown(value)}`];
    return [
      ...keyProblems(value, schema, path),
      ...value.flatMap((item, index) => typedProblems(item, schema.items, `${path}[${index}]`)),
    ].slice(0, 1);
  }
  return fits(value, type) ? [] : [`${path}: expected ${wanted(type)}, got ${shown(value)}`];
}

/** An object schema without any structure holds anything. */
const isFree = (schema: Schema): boolean =>
  schema.properties === undefined && schema.additionalProperties === undefined;

function fits(value: Json, type: string | undefined): boolean {
  switch (type ?? '') {
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
    case 'number':
      return typeof value === 'number';
    default:
      return true;
  }
}

const wanted = (type: string | undefined): string =>
  type === 'integer' || type === 'number' ? 'numeric (int or float)' : (type ?? 'scalar');

/** Go's name of the type. */
function shown(value: Json): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'object' ? 'map[string]interface {}' : 'string';
}

/** Items without their keys, and keys that come twice. */
function keyProblems(value: readonly Json[], schema: Schema, path: string): string[] {
  const atom = atomOf(schema, undefined);
  if (atom.kind !== 'list' || atom.atomic) return [];
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    try {
      const element = itemElement(atom, item);
      if (seen.has(element)) return [`${path}: duplicate entries for key ${readable(element)}`];
      seen.add(element);
    } catch (thrown) {
      return [`${path}: element ${index}: ${thrown instanceof Error ? thrown.message : String(thrown)}`];
    }
  }
  return [];
}

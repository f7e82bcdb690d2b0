/** Defaults of a custom kind's schema, filled in place: on every write, and where an object already has the parent. */
import { cloneJson, isObject, type Json, type JsonObject } from '../json.ts';
import type { Schema } from './schema.ts';

export function fillDefaults(value: Json | undefined, schema: Schema | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    for (const item of value) fillDefaults(item, schema.items);
    return;
  }
  if (!isObject(value)) return;
  for (const [field, known] of Object.entries(schema.properties ?? {})) fillField(value, field, known);
  const rest = schema.additionalProperties;
  if (!isObject(rest)) return;
  for (const [key, member] of Object.entries(value)) {
    if (schema.properties === undefined || !Object.hasOwn(schema.properties, key)) fillDefaults(member, rest as Schema);
  }
}

function fillField(object: JsonObject, field: string, schema: Schema): void {
  const { default: standard } = schema;
  const absent = object[field] === undefined || (object[field] === null && schema.nullable !== true);
  if (standard !== undefined && absent) object[field] = cloneJson(standard);
  fillDefaults(object[field], schema);
}

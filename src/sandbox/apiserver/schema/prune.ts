/** Unknown fields: found, named and taken out, as the server does before it stores anything. */
import { isObject, type Json, type JsonObject } from '../json.ts';
import { allowsAnyField, fieldSchema, type Schema } from './schema.ts';

export interface PruneRules {
  /** Schema of `metadata`, here and in embedded objects. */
  readonly metadata: Schema | undefined;
  /** Built-in kinds treat null as absent; custom kinds keep it. */
  readonly dropNulls: boolean;
}

/** Removes unknown fields in place and returns their paths (`spec.foo`, `spec.list[0].bar`), in the order of the object. */
export function prune(object: JsonObject, schema: Schema | undefined, rules: PruneRules): string[] {
  const unknown: string[] = [];
  pruneObject(object, schema, '', true, rules, unknown);
  return unknown;
}

function pruneObject(
  object: JsonObject,
  schema: Schema | undefined,
  path: string,
  isResource: boolean,
  rules: PruneRules,
  unknown: string[],
): void {
  const anyField = allowsAnyField(schema);
  for (const [key, value] of Object.entries(object)) {
    const at = path === '' ? key : `${path}.${key}`;
    if (isResource && (key === 'apiVersion' || key === 'kind')) continue;
    const nothing = value === null && (rules.dropNulls || isUnwantedNull(fieldSchema(schema, key)));
    if (value === undefined || nothing) {
      delete object[key];
      continue;
    }
    if (isResource && key === 'metadata') {
      if (isObject(value)) pruneObject(value, rules.metadata, at, false, { ...rules, dropNulls: true }, unknown);
      continue;
    }
    const known = fieldSchema(schema, key);
    if (known === undefined && !anyField) {
      delete object[key];
      unknown.push(at);
    } else if (known !== undefined) pruneValue(value, known, at, rules, unknown);
  }
}

/** A null that is neither allowed nor replaced by a default is dropped silently. */
const isUnwantedNull = (schema: Schema | undefined): boolean =>
  schema?.type !== undefined && schema.nullable !== true && schema.default === undefined;

function pruneValue(value: Json, schema: Schema, path: string, rules: PruneRules, unknown: string[]): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined)
      value.forEach((item, index) => pruneValue(item, items, `${path}[${index}]`, rules, unknown));
    return;
  }
  if (!isObject(value)) return;
  const shapeless =
    schema.type === undefined && schema.properties === undefined && schema['x-kubernetes-embedded-resource'] !== true;
  if (shapeless) return;
  if (
    schema.type === 'object' &&
    schema.properties === undefined &&
    schema.additionalProperties === undefined &&
    rules.dropNulls
  )
    return;
  pruneObject(value, schema, path, schema['x-kubernetes-embedded-resource'] === true, rules, unknown);
}

/** Wrong types in built-in kinds. The real server fails while decoding, so this is one sentence and a 400, not a list of fields. */
import { isObject, type Json } from '../json.ts';
import { fieldSchema, type Schema } from './schema.ts';

/** The first value whose type does not fit, in words; `undefined` when all fit. `struct` is the type that holds the value. */
export function decodeProblem(
  value: Json,
  schema: Schema | undefined,
  path: string,
  struct: string,
): string | undefined {
  if (schema === undefined || value === null) return undefined;
  const wanted = schema.type;
  if (wanted !== undefined && !fits(value, wanted)) {
    return `json: cannot unmarshal ${describe(value)} into Go struct field ${struct}.${path} of type ${goType(schema)}`;
  }
  if (schema.format === 'date-time' && typeof value === 'string' && Number.isNaN(Date.parse(value))) {
    return `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(value)} as "2006"`;
  }
  if (schema.format === 'byte' && typeof value === 'string' && !/^[A-Za-z0-9+/\s]*={0,2}$/.test(value)) {
    return 'illegal base64 data at input byte 0';
  }
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = decodeProblem(item, schema.items, path, struct);
      if (problem !== undefined) return problem;
    }
  } else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) {
      const named = schema.properties !== undefined;
      const at = !named ? path : path === '' ? key : `${path}.${key}`;
      const holder = named ? (schema.title ?? struct) : struct;
      const problem = member === undefined ? undefined : decodeProblem(member, fieldSchema(schema, key), at, holder);
      if (problem !== undefined) return problem;
    }
  }
  return undefined;
}

function fits(value: Json, wanted: string): boolean {
  switch (wanted) {
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'array':
      return Array.isArray(value);
    default:
      return isObject(value);
  }
}

function describe(value: Json): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

function goType(schema: Schema): string {
  switch (schema.type ?? '') {
    case 'integer':
      return schema.format === 'int64' ? 'int64' : 'int32';
    case 'boolean':
      return 'bool';
    case 'array':
      return `[]${schema.items === undefined ? 'string' : goType(schema.items)}`;
    case 'object':
      return 'map[string]interface {}';
    default:
      return schema.type ?? 'string';
  }
}

/** Structural validation of custom kinds, worded like the real server so that tests and people see the same sentences. */
import type { FieldCause } from '../failure.ts';
import { equalJson, isObject, type Json, type JsonObject } from '../json.ts';
import {
  duplicateValue,
  invalidValue,
  required,
  tooLong,
  tooMany,
  unsupportedValue,
  wrongType,
} from '../kinds/causes.ts';
import { formatMatches } from './formats.ts';
import { fieldSchema, type Schema } from './schema.ts';

export function checkAgainstSchema(value: Json, schema: Schema, path: string): FieldCause[] {
  if (value === null) return schema.nullable === true || anyType(schema) ? [] : [typeCause(path, value, schema)];
  const mismatch = typeMismatch(value, schema);
  if (mismatch) return [typeCause(path, value, schema), ...checkEnum(value, schema, path)];
  return [
    ...checkEnum(value, schema, path),
    ...(typeof value === 'string' ? checkText(value, schema, path) : []),
    ...(typeof value === 'number' ? checkNumber(value, schema, path) : []),
    ...(Array.isArray(value) ? checkList(value, schema, path) : []),
    ...(isObject(value) ? checkObject(value, schema, path) : []),
    ...checkCombinations(value, schema, path),
  ];
}

const anyType = (schema: Schema): boolean => schema.type === undefined && schema['x-kubernetes-int-or-string'] !== true;

function typeMismatch(value: Json, schema: Schema): boolean {
  if (schema['x-kubernetes-int-or-string'] === true) return !(typeof value === 'string' || Number.isInteger(value));
  switch (schema.type) {
    case undefined:
      return false;
    case 'string':
      return typeof value !== 'string';
    case 'boolean':
      return typeof value !== 'boolean';
    case 'integer':
      return !Number.isInteger(value);
    case 'number':
      return typeof value !== 'number';
    case 'array':
      return !Array.isArray(value);
    default:
      return !isObject(value);
  }
}

function typeCause(path: string, value: Json, schema: Schema): FieldCause {
  const wanted = schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : (schema.type ?? 'object');
  const actual = kindOf(value);
  return wrongType(path, actual, `${path} in body must be of type ${wanted}: ${JSON.stringify(actual)}`);
}

function kindOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function checkEnum(value: Json, schema: Schema, path: string): FieldCause[] {
  if (schema.enum === undefined || schema.enum.some((allowed) => equalJson(allowed, value))) return [];
  return [unsupportedValue(path, value, schema.enum)];
}

function checkText(value: string, schema: Schema, path: string): FieldCause[] {
  const causes: FieldCause[] = [];
  const length = Array.from(value).length;
  if (schema.maxLength !== undefined && length > schema.maxLength) causes.push(tooLong(path, schema.maxLength));
  if (schema.minLength !== undefined && length < schema.minLength) {
    causes.push(invalidValue(path, value, `${path} in body should be at least ${schema.minLength} chars long`));
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
    causes.push(invalidValue(path, value, `${path} in body should match '${schema.pattern}'`));
  }
  if (schema.format !== undefined && !formatMatches(schema.format, value)) {
    causes.push(wrongType(path, value, `${path} in body must be of type ${schema.format}: ${JSON.stringify(value)}`));
  }
  return causes;
}

function checkNumber(value: number, schema: Schema, path: string): FieldCause[] {
  const causes: FieldCause[] = [];
  const { minimum, maximum, multipleOf } = schema;
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    const words = schema.exclusiveMaximum === true ? 'less than' : 'less than or equal to';
    causes.push(invalidValue(path, value, `${path} in body should be ${words} ${maximum}`));
  }
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    const words = schema.exclusiveMinimum === true ? 'greater than' : 'greater than or equal to';
    causes.push(invalidValue(path, value, `${path} in body should be ${words} ${minimum}`));
  }
  if (multipleOf !== undefined && Math.abs(value / multipleOf - Math.round(value / multipleOf)) > 1e-9) {
    causes.push(invalidValue(path, value, `${path} in body should be a multiple of ${multipleOf}`));
  }
  if (schema.format === 'int32' && (value > 2_147_483_647 || value < -2_147_483_648)) {
    causes.push(invalidValue(path, value, `${path} in body must be of type int32: "${value}"`));
  }
  return causes;
}

function checkList(value: readonly Json[], schema: Schema, path: string): FieldCause[] {
  const causes: FieldCause[] = [];
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    causes.push(tooMany(path, value.length, schema.maxItems));
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    causes.push(invalidValue(path, value.length, `${path} in body should have at least ${schema.minItems} items`));
  }
  const { items } = schema;
  if (items !== undefined) {
    value.forEach((item, index) => causes.push(...checkAgainstSchema(item, items, `${path}[${index}]`)));
  }
  return [...causes, ...checkUnique(value, schema, path)];
}

function checkUnique(value: readonly Json[], schema: Schema, path: string): FieldCause[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const seen: Json[] = [];
  return value.flatMap((item, index) => {
    const identity = type === 'set' || !isObject(item) ? item : pick(item, keys);
    const repeated = seen.some((other) => equalJson(other, identity));
    seen.push(identity);
    return repeated ? [duplicateValue(`${path}[${index}]`, identity)] : [];
  });
}

function pick(item: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => item[key] !== undefined).map((key) => [key, item[key]]));
}

function checkObject(value: JsonObject, schema: Schema, path: string): FieldCause[] {
  const at = (field: string): string => (path === '' ? field : `${path}.${field}`);
  const causes = (schema.required ?? [])
    .filter((field) => value[field] === undefined)
    .map((field) => required(at(field)));
  const size = Object.keys(value).length;
  if (schema.maxProperties !== undefined && size > schema.maxProperties) {
    causes.push(tooMany(path, size, schema.maxProperties));
  }
  if (schema.minProperties !== undefined && size < schema.minProperties) {
    causes.push(invalidValue(path, size, `${path} in body should have at least ${schema.minProperties} properties`));
  }
  for (const [field, member] of Object.entries(value)) {
    const known = fieldSchema(schema, field);
    if (known !== undefined && member !== undefined) causes.push(...checkAgainstSchema(member, known, at(field)));
  }
  return causes;
}

function checkCombinations(value: Json, schema: Schema, path: string): FieldCause[] {
  const passes = (option: Schema): boolean => checkAgainstSchema(value, option, path).length === 0;
  const causes: FieldCause[] = [];
  if (schema.anyOf !== undefined && !schema.anyOf.some(passes)) {
    causes.push(combination(`${JSON.stringify(path)} must validate at least one schema (anyOf)`));
  }
  causes.push(...checkOneOf(value, schema, path));
  for (const part of schema.allOf ?? []) causes.push(...checkAgainstSchema(value, part, path));
  if (schema.not !== undefined && passes(schema.not)) {
    causes.push(combination(`${JSON.stringify(path)} must not validate the schema (not)`));
  }
  return causes;
}

function checkOneOf(value: Json, schema: Schema, path: string): FieldCause[] {
  const options = schema.oneOf ?? [];
  if (options.length === 0) return [];
  const results = options.map((option) => checkAgainstSchema(value, option, path));
  const valid = results.filter((causes) => causes.length === 0).length;
  if (valid === 1) return [];
  const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
  const sentence = `${JSON.stringify(path)} must validate one and only one schema (oneOf). ${found}`;
  return [combination(sentence), ...(valid === 0 ? (results[0] ?? []) : [])];
}

/** The real server names no field for these. */
const combination = (sentence: string): FieldCause => invalidValue('<nil>', '', sentence);

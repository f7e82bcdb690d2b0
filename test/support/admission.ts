/** What an API server says to an object of one of our kinds: pruning, the schema (ajv), list keys, then CEL (cel-js). */
import { Environment } from '@marcbachmann/cel-js';
import { Ajv, type ValidateFunction } from 'ajv';
import { openApiSchema } from '../../src/api/crd.ts';
import { at, type Fields, isFields, listAt, stringAt } from '../../src/api/fields.ts';
import type { KindDefinition } from '../../src/api/kind.ts';

const cel = new Environment({ unlistedVariablesAreDyn: true }).registerVariable('self', 'dyn');
const programs = new Map<string, (context: Record<string, unknown>) => unknown>();
const validators = new Map<KindDefinition, ValidateFunction>();

/** Why the object is refused, one sentence each; empty when it is admitted. */
export function refusals(kind: KindDefinition, object: unknown): readonly string[] {
  const schema = openApiSchema(kind);
  const pruned = prune(JSON.parse(JSON.stringify(object ?? null)), schema);
  const validate =
    validators.get(kind) ?? new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  validators.set(kind, validate);
  if (!validate(pruned)) return (validate.errors ?? []).map((error) => `${error.instancePath}: ${error.message ?? ''}`);
  const spec = at(schema, 'properties', 'spec');
  return [...repeatedKeys(spec, at(pruned, 'spec'), 'spec'), ...brokenRules(spec, at(pruned, 'spec'), 'spec')];
}

/** The result of one CEL rule on a value, as the schema types it. */
export function holds(rule: string, self: unknown, schema: unknown): boolean {
  const program = programs.get(rule) ?? cel.parse(rule);
  programs.set(rule, program);
  return program({ self: typed(self, schema) }) === true;
}

function prune(value: unknown, schema: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => prune(item, at(schema, 'items')));
  if (!isFields(value) || at(schema, 'x-kubernetes-preserve-unknown-fields') === true) return value;
  const known = Object.entries(value).flatMap(([key, item]): [string, unknown][] => {
    const field = fieldOf(schema, key);
    return field === undefined ? [] : [[key, prune(item, field)]];
  });
  return at(schema, 'properties') === undefined && at(schema, 'additionalProperties') === undefined
    ? value
    : Object.fromEntries(known);
}

const fieldOf = (schema: unknown, key: string): unknown =>
  at(schema, 'properties', key) ?? at(schema, 'additionalProperties');

function children(value: unknown, schema: unknown, path: string): readonly (readonly [unknown, unknown, string])[] {
  if (Array.isArray(value))
    return value.map((item, index) => [item, at(schema, 'items'), `${path}[${index}]`] as const);
  if (!isFields(value)) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const field = fieldOf(schema, key);
    return field === undefined ? [] : [[item, field, `${path}.${key}`] as const];
  });
}

function repeatedKeys(schema: unknown, value: unknown, path: string): readonly string[] {
  const below = children(value, schema, path).flatMap(([item, field, where]) => repeatedKeys(field, item, where));
  const type = stringAt(schema, 'x-kubernetes-list-type');
  if (!Array.isArray(value) || (type !== 'map' && type !== 'set')) return below;
  const keys = listAt(schema, 'x-kubernetes-list-map-keys').map(String);
  const ids = value.map((item) => JSON.stringify(type === 'set' ? item : keys.map((key) => at(item, key))));
  return new Set(ids).size === ids.length ? below : [`${path}: Duplicate value`, ...below];
}

function brokenRules(schema: unknown, value: unknown, path: string): readonly string[] {
  // Rules about what was before say nothing of a new object.
  const isAboutNew = (rule: unknown): boolean => !/\boldSelf\b/.test(stringAt(rule, 'rule') ?? '');
  const own = listAt(schema, 'x-kubernetes-validations')
    .filter(isAboutNew)
    .flatMap((rule) =>
      holds(stringAt(rule, 'rule') ?? '', value, schema) ? [] : [`${path}: ${stringAt(rule, 'message') ?? ''}`],
    );
  return [...own, ...children(value, schema, path).flatMap(([item, field, where]) => brokenRules(field, item, where))];
}

/** Integers are CEL ints and numbers doubles, as the schema says. */
function typed(value: unknown, schema: unknown): unknown {
  if (typeof value === 'number') {
    return stringAt(schema, 'type') === 'number' || !Number.isInteger(value) ? value : BigInt(value);
  }
  if (Array.isArray(value)) return value.map((item) => typed(item, at(schema, 'items')));
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.entries(value as Fields).map(([key, item]) => [key, typed(item, fieldOf(schema, key))]),
  );
}

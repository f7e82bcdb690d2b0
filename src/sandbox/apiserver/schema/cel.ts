/**
 * `x-kubernetes-validations`: CEL rules of custom kinds, compiled once per definition. Integers become CEL ints and numbers doubles,
 * as the schema says, and strings of format date-time become timestamps. Rules that name `oldSelf` run only where there is an old value.
 */
import { Environment } from '@marcbachmann/cel-js';
import type { FieldCause } from '../failure.ts';
import { equalJson, isObject, type Json } from '../json.ts';
import { fieldSchema, type CelRule, type Schema } from './schema.ts';

type Evaluate = (context: Record<string, unknown>) => unknown;

interface CompiledRule {
  readonly rule: CelRule;
  readonly evaluate: Evaluate;
  readonly message: Evaluate | undefined;
  readonly transition: boolean;
}

/** Rules by the schema node that carries them. */
export type CompiledRules = ReadonlyMap<Schema, readonly CompiledRule[]>;

export interface RuleProblem {
  readonly path: string;
  readonly rule: string;
  readonly message: string;
}

export function compileRules(schema: Schema): { readonly rules: CompiledRules; readonly problems: RuleProblem[] } {
  const environment = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true })
    .registerVariable('self', 'dyn')
    .registerVariable('oldSelf', 'dyn');
  const rules = new Map<Schema, readonly CompiledRule[]>();
  const problems: RuleProblem[] = [];
  const visit = (node: Schema, path: string): void => {
    const compiled: CompiledRule[] = [];
    (node['x-kubernetes-validations'] ?? []).forEach((rule, index) => {
      try {
        compiled.push({
          rule,
          evaluate: environment.parse(rule.rule),
          message: rule.messageExpression === undefined ? undefined : environment.parse(rule.messageExpression),
          transition: /\boldSelf\b/.test(rule.rule),
        });
      } catch (thrown) {
        const message = thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : String(thrown);
        problems.push({ path: `${path}.x-kubernetes-validations[${index}].rule`, rule: rule.rule, message });
      }
    });
    if (compiled.length > 0) rules.set(node, compiled);
    for (const [field, child] of Object.entries(node.properties ?? {})) visit(child, `${path}.properties[${field}]`);
    if (isObject(node.additionalProperties)) visit(node.additionalProperties as Schema, `${path}.additionalProperties`);
    if (node.items !== undefined) visit(node.items, `${path}.items`);
  };
  visit(schema, 'openAPIV3Schema');
  return { rules, problems };
}

/** Evaluates all rules at and below a value. `before` is undefined on create and where the old value cannot be matched. */
export function checkRules(
  value: Json,
  before: Json | undefined,
  schema: Schema,
  compiled: CompiledRules,
  path: string,
): FieldCause[] {
  if (compiled.size === 0) return [];
  const causes: FieldCause[] = [];
  for (const rule of compiled.get(schema) ?? []) {
    if (rule.transition && before === undefined) continue;
    const cause = checkRule(rule, value, before, schema, path);
    if (cause !== undefined) causes.push(cause);
  }
  if (Array.isArray(value) && schema.items !== undefined) {
    const { items } = schema;
    value.forEach((item, index) => {
      const old = matchingItem(item, before, schema);
      causes.push(...checkRules(item, old, items, compiled, `${path}[${index}]`));
    });
  } else if (isObject(value)) {
    for (const [field, member] of Object.entries(value)) {
      const known = fieldSchema(schema, field);
      if (known === undefined || member === undefined) continue;
      const old = isObject(before) ? before[field] : undefined;
      causes.push(...checkRules(member, old, known, compiled, path === '' ? field : `${path}.${field}`));
    }
  }
  return causes;
}

function checkRule(
  compiled: CompiledRule,
  value: Json,
  before: Json | undefined,
  schema: Schema,
  path: string,
): FieldCause | undefined {
  const { rule } = compiled;
  const context = { self: toCel(value, schema), ...(before === undefined ? {} : { oldSelf: toCel(before, schema) }) };
  const field = rule.fieldPath === undefined ? path : `${path}${rule.fieldPath}`;
  const shown = showOffending(value);
  try {
    if (compiled.evaluate(context) === true) return undefined;
  } catch (thrown) {
    const problem = thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : String(thrown);
    return {
      field,
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${shown}rule evaluation error: ${problem}: ${rule.rule}`,
    };
  }
  const message = messageOf(compiled, context);
  switch (rule.reason ?? '') {
    case 'FieldValueForbidden':
      return { field, reason: 'FieldValueForbidden', message: `Forbidden: ${message}` };
    case 'FieldValueRequired':
      return { field, reason: 'FieldValueRequired', message: `Required value: ${message}` };
    case 'FieldValueDuplicate':
      return { field, reason: 'FieldValueDuplicate', message: `Duplicate value: ${shown}${message}` };
    default:
      return { field, reason: 'FieldValueInvalid', message: `Invalid value: ${shown}${message}` };
  }
}

function messageOf(compiled: CompiledRule, context: Record<string, unknown>): string {
  const { rule } = compiled;
  if (compiled.message !== undefined) {
    try {
      const text = compiled.message(context);
      if (typeof text === 'string' && text.trim() !== '') return text.trim();
    } catch {
      return rule.message ?? `failed rule: ${rule.rule}`;
    }
  }
  return rule.message ?? `failed rule: ${rule.rule}`;
}

/** Objects and lists are too large to be repeated. */
const showOffending = (value: Json): string =>
  Array.isArray(value) || isObject(value) ? '' : `${JSON.stringify(value)}: `;

/** Items of keyed lists are matched by their keys; items of other lists have no old value. */
function matchingItem(item: Json, before: Json | undefined, schema: Schema): Json | undefined {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(before) || !isObject(item)) return undefined;
  return before.find((old) => isObject(old) && keys.every((key) => equalJson(old[key], item[key])));
}

function toCel(value: Json, schema: Schema | undefined): unknown {
  if (typeof value === 'number') {
    const isDouble = schema?.type === 'number' || !Number.isInteger(value);
    return isDouble ? value : BigInt(value);
  }
  if (typeof value === 'string') return schema?.format === 'date-time' ? new Date(value) : value;
  if (Array.isArray(value)) return value.map((item) => toCel(item, schema?.items));
  if (!isObject(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [field, member] of Object.entries(value)) {
    if (member !== undefined) result[field] = toCel(member, fieldSchema(schema, field));
  }
  return result;
}

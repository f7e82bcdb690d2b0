/** OpenAPI schemas as the server uses them: references are resolved into a graph, so a recursive type refers to itself. */
import { isObject, type Json, type JsonObject } from '../json.ts';

export interface CelRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  /** Of built-in kinds: the short name of the definition. */
  readonly title?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly Json[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly nullable?: boolean;
  readonly default?: Json;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: Schema;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular';
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-validations'?: readonly CelRule[];
  readonly 'x-kubernetes-patch-merge-key'?: string;
  readonly 'x-kubernetes-patch-strategy'?: string;
}

/** The schema of a field of an object; `undefined` for a field that the schema does not name. */
export function fieldSchema(schema: Schema | undefined, field: string): Schema | undefined {
  if (schema === undefined) return undefined;
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, field)) return schema.properties[field];
  return isObject(schema.additionalProperties) ? schema.additionalProperties : undefined;
}

/** True when the schema names this field, as opposed to allowing any key. */
export function namesField(schema: Schema | undefined, field: string): boolean {
  return schema?.properties !== undefined && Object.hasOwn(schema.properties, field);
}

/** True for objects whose keys are free: a map, or an object whose unknown fields are kept. */
export function allowsAnyField(schema: Schema | undefined): boolean {
  if (schema === undefined) return true;
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return true;
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== false) return true;
  return false;
}

export type Definitions = Readonly<Record<string, Schema>>;

const REFERENCE = '#/components/schemas/';

/**
 * Replaces every `$ref` by the definition it names. What stands beside a `$ref` (a patch strategy, or the default `{}` that marks a
 * struct which is always there) wins over the definition.
 */
export function resolveReferences(raw: Readonly<Record<string, JsonObject>>): Definitions {
  const definitions = structuredClone(raw);
  const pending: { site: JsonObject; target: JsonObject }[] = [];
  const visit = (node: Json | undefined): Json | undefined => {
    if (Array.isArray(node)) return node.map((item) => visit(item) ?? null);
    if (!isObject(node)) return node;
    const reference = node['$ref'];
    if (typeof reference === 'string') {
      const target = definitions[reference.slice(REFERENCE.length)];
      if (target === undefined) return {};
      if (Object.keys(node).length === 1) return target;
      delete node['$ref'];
      pending.push({ site: node, target });
      return node;
    }
    for (const [key, value] of Object.entries(node)) node[key] = key === 'default' ? value : visit(value);
    return node;
  };
  for (const [name, definition] of Object.entries(definitions)) {
    definition['title'] = name.split('.').at(-1) ?? name;
    visit(definition);
  }
  for (const { site, target } of pending) Object.assign(site, { ...target, ...site });
  return definitions as Definitions;
}

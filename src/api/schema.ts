/** Shared pieces of the resource schemas: one typebox object is at once type, CRD schema and reference text. */
import Type, { type Static, type TSchema } from 'typebox';

/** A CEL rule of the CRD (`x-kubernetes-validations`). Only core CEL, which every supported API server has. */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired';
}

export const rules = (...list: readonly CelRule[]): { 'x-kubernetes-validations': readonly CelRule[] } => ({
  'x-kubernetes-validations': list,
});

/** Field presence instead of a `kind:` switch: exactly one of these fields is set. */
export function exactlyOne(...fields: readonly [string, ...string[]]): CelRule {
  const [first] = fields;
  if (fields.length === 1)
    return { rule: `has(self.${first})`, message: `${first} is missing: write it`, reason: 'FieldValueRequired' };
  return {
    rule: `[${fields.map((field) => `has(self.${field})`).join(', ')}].exists_one(one, one)`,
    message: `write exactly one of ${fields.join(', ')}`,
  };
}

const DNS_SUBDOMAIN = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$';
export const METRIC_NAME = '^[a-zA-Z_:][a-zA-Z0-9_:]*$';
export const LABEL_NAME = '^[a-zA-Z_][a-zA-Z0-9_]*$';

export const name = (description: string) =>
  Type.String({ description, minLength: 1, maxLength: 253, pattern: DNS_SUBDOMAIN });
export const text = (description: string, maxLength = 1024) => Type.String({ description, maxLength });
/** Go-style duration, e.g. `90s`, `1h30m`, `1.5h`, `250ms`. Parsed by `units.ts`. */
export const duration = (description: string, options: { readonly default?: string } = {}) =>
  Type.String({ description, maxLength: 32, pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$', ...options });
/** `5%` or `0.05%`: a fraction 0–1 inside. */
export const percent = (description: string) =>
  Type.String({ description, maxLength: 16, pattern: '^(100|[0-9]{1,2}(\\.[0-9]+)?)%$' });
export const time = (description: string) => Type.String({ description, format: 'date-time', maxLength: 64 });
export const weight = (description: string) => Type.Integer({ description, minimum: 0, maximum: 100 });

/** A closed set of words. (typebox's own unions become `anyOf` with types, which no CRD may have.) */
export const literals = <const T extends readonly string[]>(
  values: T,
  description: string,
  options: { readonly default?: T[number] } = {},
) => Type.Unsafe<T[number]>({ type: 'string', enum: values, description, ...options });

/** A list that server-side apply merges by key. */
export const listMap = <T extends TSchema>(
  items: T,
  key: string,
  options: { description: string; maxItems: number; minItems?: number },
) => Type.Array(items, { ...options, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });

/** A map from any key to one kind of value (CRDs know `additionalProperties`, not `patternProperties`). */
export const mapOf = <T extends TSchema>(value: T, options: { description: string; maxProperties: number }) =>
  Type.Unsafe<Readonly<Record<string, Static<T>>>>({ type: 'object', additionalProperties: value, ...options });

/** An object whose fields the API server keeps without knowing them. */
export const opaque = (description: string) =>
  Type.Unsafe<Readonly<Record<string, unknown>>>({
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
    description,
  });

export const Condition = Type.Object({
  type: Type.String({ description: 'Type of the condition, in CamelCase.', maxLength: 316 }),
  status: literals(['True', 'False', 'Unknown'], 'True, False or Unknown.'),
  observedGeneration: Type.Optional(
    Type.Integer({
      description: 'The generation of the spec that this condition speaks of.',
      minimum: 0,
      format: 'int64',
    }),
  ),
  lastTransitionTime: time('When `status` last changed.'),
  reason: Type.String({ description: 'Machine-readable reason, in CamelCase.', minLength: 1, maxLength: 1024 }),
  message: Type.String({ description: 'A sentence for people.', maxLength: 32768 }),
});

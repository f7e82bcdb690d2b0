/** Shared pieces of the resource schemas: one typebox object is at once type, CRD schema and reference text. */
import Type, { type TSchema } from 'typebox';

/** A CEL rule of the CRD (`x-kubernetes-validations`). */
export interface CelRule {
  readonly rule: string;
  readonly message: string;
  readonly fieldPath?: string;
  readonly reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired';
}

export const rules = (...list: readonly CelRule[]): { 'x-kubernetes-validations': readonly CelRule[] } => ({
  'x-kubernetes-validations': list,
});

export const DNS_LABEL = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
export const DNS_SUBDOMAIN = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$';

export const name = (description: string) =>
  Type.String({ description, minLength: 1, maxLength: 253, pattern: DNS_SUBDOMAIN });
export const text = (description: string, maxLength = 1024) => Type.String({ description, maxLength });
/** Go-style duration, e.g. `90s`, `1h30m`, `1.5h`, `250ms`. Parsed by `units.ts`. */
export const duration = (description: string) =>
  Type.String({ description, maxLength: 32, pattern: '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$' });
/** `5%` or `0.05%`: a fraction 0–1 inside. */
export const percent = (description: string) =>
  Type.String({ description, maxLength: 16, pattern: '^[0-9]+(\\.[0-9]+)?%$' });
/** `0.05pp`: percentage points, a fraction inside. */
export const points = (description: string) =>
  Type.String({ description, maxLength: 16, pattern: '^[0-9]+(\\.[0-9]+)?pp$' });
export const time = (description: string) => Type.String({ description, format: 'date-time' });
export const weight = (description: string) => Type.Integer({ description, minimum: 0, maximum: 100 });

/** A list that server-side apply merges by key. */
export const listMap = <T extends TSchema>(
  items: T,
  key: string,
  options: { description: string; maxItems: number; minItems?: number },
) => Type.Array(items, { ...options, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });

export const Condition = Type.Object({
  type: Type.String({ description: 'Type of the condition, in CamelCase.', maxLength: 316 }),
  status: Type.Union([Type.Literal('True'), Type.Literal('False'), Type.Literal('Unknown')], {
    description: 'True, False or Unknown.',
  }),
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

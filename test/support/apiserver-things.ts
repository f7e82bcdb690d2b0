/** A custom kind that has one of everything: defaults, limits, formats, keyed lists, sets, rules, columns and subresources. */

const column = (name: string, type: string, jsonPath: string, priority = 0) => ({ name, type, jsonPath, priority });

const spec = {
  type: 'object',
  required: ['mode'],
  'x-kubernetes-validations': [
    { rule: '!has(self.weight) || self.weight != 13', message: 'no 13' },
    {
      rule: '!has(self.min) || !has(self.max) || self.min <= self.max',
      messageExpression: '"min" + " above max"',
      fieldPath: '.min',
      reason: 'FieldValueForbidden',
    },
  ],
  properties: {
    mode: { type: 'string', enum: ['a', 'b'], default: 'a' },
    weight: { type: 'integer', minimum: 0, maximum: 100 },
    min: { type: 'integer' },
    max: { type: 'integer' },
    replicas: { type: 'integer', default: 1 },
    ratio: { type: 'number', exclusiveMinimum: true, minimum: 0 },
    name: { type: 'string', maxLength: 5, minLength: 2, pattern: '^[a-z]+$' },
    when: { type: 'string', format: 'date-time' },
    tags: { type: 'array', 'x-kubernetes-list-type': 'set', maxItems: 3, items: { type: 'string' } },
    items: {
      type: 'array',
      maxItems: 3,
      minItems: 1,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: {
          name: { type: 'string', maxLength: 20 },
          v: {
            type: 'integer',
            default: 7,
            'x-kubernetes-validations': [{ rule: 'self >= oldSelf', message: 'may not shrink' }],
          },
        },
      },
    },
    atomic: { type: 'array', items: { type: 'string' } },
    map: { type: 'object', additionalProperties: { type: 'integer' }, maxProperties: 2 },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    port: { 'x-kubernetes-int-or-string': true },
    maybe: { type: 'string', nullable: true },
    fixed: {
      type: 'string',
      maxLength: 20,
      'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'is immutable' }],
    },
  },
};

const status = {
  type: 'object',
  properties: {
    replicas: { type: 'integer' },
    selector: { type: 'string' },
    conditions: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
      items: {
        type: 'object',
        required: ['type', 'status'],
        properties: { type: { type: 'string' }, status: { type: 'string' } },
      },
    },
  },
};

export const thingsDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.conformance.serin.dev' },
  spec: {
    group: 'conformance.serin.dev',
    scope: 'Namespaced',
    names: { plural: 'things', kind: 'Thing', shortNames: ['th'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        selectableFields: [{ jsonPath: '.spec.mode' }],
        additionalPrinterColumns: [
          column('Mode', 'string', '.spec.mode'),
          column('Weight', 'integer', '.spec.weight'),
          column('Ready', 'string', '.status.conditions[?(@.type=="Ready")].status'),
          column('Names', 'string', '.spec.items[*].name', 1),
          column('Age', 'date', '.metadata.creationTimestamp'),
        ],
        schema: { openAPIV3Schema: { type: 'object', required: ['spec'], properties: { spec, status } } },
      },
    ],
  },
};

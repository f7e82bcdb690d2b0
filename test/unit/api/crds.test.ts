import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { crdOf, openApiSchema } from '../../../src/api/crd.ts';
import { at, type Fields, fieldsAt, isFields, listAt, numberAt, stringAt } from '../../../src/api/fields.ts';
import { generatedFiles } from '../../../src/api/generate/files.ts';
import { KINDS } from '../../../src/api/kinds.ts';
import { refusals } from '../../support/admission.ts';

const root = new URL('../../../', import.meta.url);
const rows = KINDS.map((kind) => ({ kind, name: kind.type.kind }));

describe('files made from the code', () => {
  test.each([...generatedFiles()].map(([path, text]) => ({ path, text })))('$path is up to date', ({ path, text }) => {
    const stored = readFileSync(new URL(path, root), 'utf8');
    expect(stored === text ? 'up to date' : 'run `npm run generate`').toBe('up to date');
  });

  test('there is no CRD without code', () => {
    const made = [...generatedFiles().keys()].filter((path) => path.startsWith('deploy/crds/'));
    expect(
      readdirSync(new URL('deploy/crds', root))
        .map((file) => `deploy/crds/${file}`)
        .toSorted(),
    ).toEqual(made.toSorted());
  });

  test('the YAML says what the code says', () => {
    for (const kind of KINDS) {
      const path = `deploy/crds/${kind.type.group}_${kind.type.plural}.yaml`;
      expect(parse(generatedFiles().get(path) ?? '')).toEqual(crdOf(kind));
    }
  });
});

interface Node {
  readonly path: string;
  readonly schema: Fields;
  /** Directly below `properties`: a field that people write or read. */
  readonly isField: boolean;
}

function nodes(schema: unknown, path: string, isField = false): readonly Node[] {
  if (!isFields(schema)) return [];
  const values = at(schema, 'additionalProperties');
  return [
    { path, schema, isField },
    ...Object.entries(fieldsAt(schema, 'properties')).flatMap(([name, field]) => nodes(field, `${path}.${name}`, true)),
    ...nodes(at(schema, 'items'), `${path}[]`),
    ...(isFields(values) ? nodes(values, `${path}.*`) : []),
  ];
}

const ALLOWED = new Set(
  [
    'type format description default enum pattern required properties items additionalProperties',
    'minLength maxLength minimum maximum minItems maxItems maxProperties',
    'x-kubernetes-list-type x-kubernetes-list-map-keys x-kubernetes-validations',
    'x-kubernetes-preserve-unknown-fields x-kubernetes-int-or-string',
  ].flatMap((line) => line.split(' ')),
);

describe.each(rows)('the schema of $name', ({ kind }) => {
  const all = nodes(openApiSchema(kind), kind.type.kind);

  test('is structural: every node has a type, and nothing that a CRD may not have', () => {
    for (const { path, schema } of all) {
      const isTyped =
        typeof schema['type'] === 'string' ||
        schema['x-kubernetes-int-or-string'] === true ||
        schema['x-kubernetes-preserve-unknown-fields'] === true;
      expect({ path, isTyped }).toEqual({ path, isTyped: true });
      expect({ path, unknown: Object.keys(schema).filter((key) => !ALLOWED.has(key)) }).toEqual({ path, unknown: [] });
      expect({ path, both: 'properties' in schema && 'additionalProperties' in schema }).toEqual({ path, both: false });
    }
  });

  test('describes every field', () => {
    const isOurs = ({ path }: Node): boolean => !path.endsWith('.metadata');
    const silent = all.filter(
      (node) => node.isField && isOurs(node) && (stringAt(node.schema, 'description') ?? '').length < 4,
    );
    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test('bounds every list, map and text', () => {
    const unbounded = all.filter(({ schema, path }) => {
      const type = stringAt(schema, 'type');
      if (type === 'array') return numberAt(schema, 'maxItems') === undefined;
      if (type === 'object' && isFields(schema['additionalProperties']))
        return numberAt(schema, 'maxProperties') === undefined;
      const isRoot = /^\w+\.(apiVersion|kind)$/.test(path);
      return type === 'string' && !isRoot && numberAt(schema, 'maxLength') === undefined && !('enum' in schema);
    });
    expect(unbounded.map(({ path }) => path)).toEqual([]);
  });

  test('says how each list is merged, and keyed lists have their keys', () => {
    for (const { path, schema } of all.filter((node) => stringAt(node.schema, 'type') === 'array')) {
      const type = stringAt(schema, 'x-kubernetes-list-type');
      expect({ path, type }).toEqual({ path, type: expect.stringMatching(/^(atomic|map|set)$/) });
      const required = listAt(schema, 'items', 'required');
      const missing = listAt(schema, 'x-kubernetes-list-map-keys').filter((key) => !required.includes(key));
      expect({ path, missing }).toEqual({ path, missing: [] });
    }
  });

  test('has patterns and defaults that mean something', () => {
    for (const { schema } of all) {
      const pattern = stringAt(schema, 'pattern');
      const standard = at(schema, 'default');
      if (pattern !== undefined) expect(pattern).toMatch(/^\^.*\$$/);
      if (typeof standard === 'string' && pattern !== undefined) expect(standard).toMatch(new RegExp(pattern, 'u'));
      if ('enum' in schema && standard !== undefined) expect(schema['enum']).toContain(standard);
    }
  });

  test('admits its example', () => {
    expect(refusals(kind, parse(kind.example))).toEqual([]);
  });

  test('has printer columns that lead to fields, and ends with the age', () => {
    const paths = new Set(all.map(({ path }) => path.replace(kind.type.kind, '')));
    for (const column of kind.columns.filter(({ name }) => name !== 'Age')) {
      expect(paths).toContain(column.jsonPath.replace('[*]', '[]'));
    }
    expect(kind.columns.at(-1)?.name).toBe('Age');
  });
});

test('names and short names collide with nothing, and all kinds are found as serin', () => {
  const names = KINDS.flatMap((kind) => [kind.type.plural, kind.type.kind.toLowerCase(), ...kind.shortNames]);
  expect(new Set(names).size).toBe(names.length);
  for (const kind of KINDS) expect(kind.categories).toContain('serin');
  expect(KINDS.filter((kind) => kind.categories.includes('all')).map((kind) => kind.type.kind)).toEqual(['Release']);
});

test('kubectl get releases has the columns that people know', () => {
  const release = KINDS.find((kind) => kind.type.kind === 'Release');
  const named = (wide: boolean) =>
    release?.columns.filter((column) => (column.priority === 1) === wide).map(({ name }) => name.toUpperCase());
  expect(named(false)).toEqual(['PHASE', 'WEIGHT', 'STEP', 'VERDICT', 'REASON', 'AGE']);
  expect(named(true)).toEqual(['WORKLOAD', 'ROUTER', 'SINCE']);
});

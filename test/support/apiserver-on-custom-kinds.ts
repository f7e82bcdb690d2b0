/** Conformance: custom kinds: definitions, defaults, pruning, validation, CEL, subresources, columns; Serin's own definitions too. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ApiClient } from './apiserver-client.ts';
import {
  expectRefusal,
  JSON_PATCH,
  MERGE_PATCH,
  type Refusal,
  STRATEGIC,
  suiteOn,
  TABLE,
  thing,
} from './apiserver-suite.ts';
import { thingsDefinition } from './apiserver-things.ts';

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const SKIPPED = 'some validation rules were not checked because the object was invalid';

const bad = (title: string, spec: unknown, says: string): Refusal & { readonly body: object } => ({
  title,
  body: { ...thing('bad'), spec },
  status: 422,
  reason: 'Invalid',
  says,
});

const INVALID = [
  bad(
    'a value outside the enum',
    { mode: 'z' },
    `[spec.mode: Unsupported value: "z": supported values: "a", "b", <nil>: Invalid value: null: ${SKIPPED}`,
  ),
  bad(
    'text for an integer',
    { weight: '5' },
    '[spec.weight: Invalid value: "string": spec.weight in body must be of type integer: "string", <nil>',
  ),
  bad(
    'a number above the maximum',
    { weight: 150 },
    'Thing.conformance.serin.dev "bad" is invalid: spec.weight: Invalid value: 150: spec.weight in body should be less than or equal to 100',
  ),
  bad('a number below the minimum', { weight: -1 }, 'spec.weight in body should be greater than or equal to 0'),
  bad('an excluded limit', { ratio: 0 }, 'spec.ratio in body should be greater than 0'),
  bad('a text that is too long', { name: 'abcdefg' }, 'spec.name: Too long: may not be more than 5 bytes'),
  bad('a text that is too short', { name: 'a' }, 'spec.name in body should be at least 2 chars long'),
  bad('a text of another pattern', { name: 'ABC' }, "spec.name in body should match '^[a-z]+$'"),
  bad('a time that is none', { when: 'nope' }, 'spec.when in body must be of type date-time: "nope"'),
  bad('too many items', { tags: ['1', '2', '3', '4'] }, 'spec.tags: Too many: 4: must have at most 3 items'),
  bad('too few items', { items: [] }, 'spec.items in body should have at least 1 items'),
  bad('a set with a value twice', { tags: ['a', 'a'] }, 'spec.tags[1]: Duplicate value: "a"'),
  bad(
    'a keyed list with a key twice',
    { items: [{ name: 'a' }, { name: 'a' }] },
    'spec.items[1]: Duplicate value: {"name":"a"}',
  ),
  bad('an item without its key', { items: [{ v: 1 }] }, 'spec.items[0].name: Required value'),
  bad('too many properties', { map: { a: 1, b: 2, c: 3 } }, 'spec.map: Too many: 3: must have at most 2 items'),
  bad('a wrong value in a map', { map: { a: 'x' } }, 'spec.map.a in body must be of type integer: "string"'),
  bad('neither number nor text', { port: true }, 'spec.port in body must be of type integer,string: "boolean"'),
  bad('a broken rule', { weight: 13 }, 'spec: Invalid value: no 13'),
  bad('a broken rule with its own field and reason', { min: 5, max: 3 }, 'spec.min: Forbidden: min above max'),
  bad('no spec', undefined, 'spec: Required value'),
];

const definitionOf = (change: (definition: typeof thingsDefinition) => void): typeof thingsDefinition => {
  const copy = structuredClone(thingsDefinition);
  copy.metadata.name = 'bads.conformance.serin.dev';
  Object.assign(copy.spec.names, { plural: 'bads', kind: 'Bad', shortNames: [] });
  change(copy);
  return copy;
};

export function onCustomKinds(client: () => ApiClient): void {
  const suite = suiteOn(client, 'on-custom');
  const things = () => `${suite.custom()}/things`;

  describe('definitions', () => {
    test('become established and are served', async () => {
      const definition = await suite.ok('GET', `${DEFINITIONS}/${thingsDefinition.metadata.name}`);
      const conditions = definition.status.conditions.map(
        (item: { type: string; status: string }) => `${item.type}=${item.status}`,
      );
      expect(conditions).toEqual(['NamesAccepted=True', 'Established=True']);
      expect(definition.status.acceptedNames).toMatchObject({
        kind: 'Thing',
        listKind: 'ThingList',
        singular: 'thing',
      });
      const list = await suite.ok('GET', '/apis/conformance.serin.dev/v1');
      expect(list.resources.map((item: { name: string }) => item.name)).toEqual([
        'things',
        'things/status',
        'things/scale',
      ]);
    });

    test.each<Refusal & { body: object }>([
      {
        title: 'a name that does not fit',
        body: definitionOf((d) => Object.assign(d.metadata, { name: 'x.y.z' })),
        status: 422,
        reason: 'Invalid',
        says: 'metadata.name: Invalid value: "x.y.z": must be spec.names.plural+"."+spec.group',
      },
      {
        title: 'an unknown scope',
        body: definitionOf((d) => Object.assign(d.spec, { scope: 'Foo' })),
        status: 422,
        reason: 'Invalid',
        says: 'spec.scope: Unsupported value: "Foo": supported values: "Cluster", "Namespaced"',
      },
      {
        title: 'a field without a type',
        body: definitionOf((d) =>
          Object.assign(d.spec.versions[0]?.schema.openAPIV3Schema.properties.spec.properties ?? {}, { untyped: {} }),
        ),
        status: 422,
        reason: 'Invalid',
        says: 'properties[untyped].type: Required value: must not be empty for specified object fields',
      },
      {
        title: 'a rule that is no CEL',
        body: definitionOf((d) =>
          Object.assign(d.spec.versions[0]?.schema.openAPIV3Schema ?? {}, {
            'x-kubernetes-validations': [{ rule: 'self.(', message: 'x' }],
          }),
        ),
        status: 422,
        reason: 'Invalid',
        says: 'compilation failed',
      },
    ])('refuse $title', async (row) => {
      expectRefusal(await suite.call('POST', DEFINITIONS, { body: row.body }), row);
    });
  });

  describe('objects', () => {
    test('get their defaults, lose unknown fields with a warning, and keep free ones', async () => {
      const spec = { foo: 1, items: [{ name: 'x', bar: 2 }], free: { any: { deep: 1 } }, mode: null };
      const answer = await suite.call('POST', things(), { body: thing('defaulted', spec) });
      expect(answer.body.spec).toEqual({
        mode: 'a',
        replicas: 1,
        items: [{ name: 'x', v: 7 }],
        free: { any: { deep: 1 } },
      });
      expect(answer.headers['warning']).toBe(
        '299 - "unknown field \\"spec.foo\\"", 299 - "unknown field \\"spec.items[0].bar\\""',
      );
      expect(answer.body.metadata.generation).toBe(1);
    });

    test('lose a status that is sent along', async () => {
      const body = { ...thing('no-status'), status: { replicas: 3 } };
      expect((await suite.ok('POST', `${things()}?dryRun=All`, { body })).status).toBeUndefined();
    });

    test('with unknown fields are refused when the client is strict', async () => {
      const answer = await suite.call('POST', `${things()}?fieldValidation=Strict`, {
        body: thing('strict', { foo: 1 }),
      });
      expect(answer.body).toMatchObject({ code: 400, reason: 'BadRequest' });
      expect(answer.body.message).toContain('strict decoding error: unknown field "spec.foo"');
    });

    test.each(INVALID)('are refused for $title', async (row) => {
      expectRefusal(await suite.call('POST', things(), { body: row.body }), row);
    });

    test('of another kind are refused by kind, of another version by version', async () => {
      const kind = await suite.call('POST', things(), { body: { ...thing('x'), kind: 'Other' } });
      expect(kind.body).toMatchObject({
        code: 422,
        message: 'Other.conformance.serin.dev "x" is invalid: kind: Invalid value: "Other": must be Thing',
      });
      const version = await suite.call('POST', things(), {
        body: { ...thing('x'), apiVersion: 'conformance.serin.dev/v2' },
      });
      expect(version.body).toMatchObject({ code: 400, reason: 'BadRequest' });
    });

    test('are selected by the fields that the definition names', async () => {
      await suite.ok('POST', things(), { body: thing('selected', { mode: 'b' }) });
      const list = await suite.ok('GET', `${things()}?fieldSelector=spec.mode%3Db`);
      expect(list.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['selected']);
      const other = await suite.call('GET', `${things()}?fieldSelector=spec.foo%3Da`);
      expect(other.body).toMatchObject({ code: 400, message: 'field label not supported: spec.foo' });
    });
  });

  describe('changes', () => {
    beforeAll(async () => {
      await suite.ok('POST', things(), { body: thing('changing', { weight: 5, items: [{ name: 'x' }], fixed: 'x' }) });
    });
    const changing = () => `${things()}/changing`;

    test('PUT needs the resource version', async () => {
      const answer = await suite.call('PUT', changing(), { body: thing('changing') });
      expect(answer.body).toMatchObject({
        code: 422,
        message:
          'things.conformance.serin.dev "changing" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
      });
    });

    test('a strategic merge patch is 415 and names what is accepted', async () => {
      const answer = await suite.call('PATCH', changing(), { type: STRATEGIC, body: {} });
      expect(answer.body).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
      expect(answer.body.message).toContain(
        'accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
      );
    });

    test('rules that compare with the old value are enforced, in keyed lists too', async () => {
      const fixed = await suite.merge(changing(), { spec: { fixed: 'y' } });
      expect(fixed.body.message).toContain('spec.fixed: Invalid value: "y": is immutable');
      const shrunk = await suite.merge(changing(), { spec: { items: [{ name: 'x', v: 3 }] } });
      expect(shrunk.body.message).toContain('spec.items[0].v: Invalid value: 3: may not shrink');
    });

    test('a JSON patch whose test fails is 422, one whose result is invalid names the field', async () => {
      const guarded = [
        { op: 'test', path: '/spec/weight', value: 6 },
        { op: 'replace', path: '/spec/weight', value: 7 },
      ];
      expect((await suite.call('PATCH', changing(), { type: JSON_PATCH, body: guarded })).status).toBe(422);
      const invalid = await suite.call('PATCH', changing(), {
        type: JSON_PATCH,
        body: [{ op: 'replace', path: '/spec/weight', value: 700 }],
      });
      expect(invalid.body.message).toContain('spec.weight in body should be less than or equal to 100');
    });

    test('generation counts everything but metadata and status', async () => {
      const generations: number[] = [];
      const path = changing();
      for (const [at, body] of [
        [path, { spec: { weight: 6 } }],
        [path, { metadata: { labels: { x: 'y' } } }],
        [path, { status: { replicas: 9 } }],
        [`${path}/status`, { status: { replicas: 2 } }],
      ] as const) {
        generations.push((await suite.call('PATCH', at, { type: MERGE_PATCH, body })).body.metadata.generation);
      }
      const first = generations[0] ?? 0;
      expect(generations).toEqual([first, first, first, first]);
      expect(first).toBe(2);
    });

    test('the status endpoint writes status alone, the main one everything else', async () => {
      const body = { spec: { weight: 99 }, metadata: { labels: { q: 'r' } }, status: { replicas: 3, selector: 'a=b' } };
      const after = await suite.merge(`${changing()}/status`, body);
      expect(after.body.spec.weight).toBe(6);
      expect(after.body.metadata.labels).toEqual({ x: 'y' });
      expect(after.body.status).toMatchObject({ replicas: 3, selector: 'a=b' });
      expect((await suite.merge(changing(), { status: { replicas: 77 } })).body.status.replicas).toBe(3);
    });

    test('a status that breaks the schema is refused', async () => {
      const answer = await suite.merge(`${changing()}/status`, { status: { replicas: 'x' } });
      expect(answer.body).toMatchObject({ code: 422, reason: 'Invalid' });
      expect(answer.body.message).toContain('in body must be of type integer: "string"');
    });

    test('scale reads and writes the paths that the definition names', async () => {
      const scale = await suite.ok('GET', `${changing()}/scale`);
      expect(scale).toMatchObject({ spec: { replicas: 1 }, status: { replicas: 3, selector: 'a=b' } });
      await suite.merge(`${changing()}/scale`, { spec: { replicas: 4 } });
      expect((await suite.ok('GET', changing())).spec.replicas).toBe(4);
    });
  });

  test('tables show the definition’s columns', async () => {
    await suite.ok('POST', things(), { body: thing('row', { weight: 3, items: [{ name: 'p' }, { name: 'q' }] }) });
    await suite.merge(`${things()}/row/status`, { status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    const table = await suite.ok('GET', `${things()}?fieldSelector=metadata.name%3Drow`, { accept: TABLE });
    expect(
      table.columnDefinitions.map((item: { name: string; priority: number }) => `${item.name}:${item.priority}`),
    ).toEqual(['Name:0', 'Mode:0', 'Weight:0', 'Ready:0', 'Names:1', 'Age:0']);
    expect(table.rows[0].cells.slice(0, 5)).toEqual(['row', 'a', 3, 'True', 'p']);
    expect(table.rows[0].cells[5]).toMatch(/^\d+s$/);
    expect(table.rows[0].object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'row' } });
  });

  test('deleting a definition waits for its objects’ finalizers, and then takes all away', async () => {
    const group = 'leaving.serin.dev';
    const definition = definitionOf((d) => {
      d.metadata.name = `leavers.${group}`;
      d.spec.group = group;
      Object.assign(d.spec.names, { plural: 'leavers', kind: 'Leaver' });
    });
    await suite.ok('POST', DEFINITIONS, { body: definition });
    const path = `/apis/${group}/v1/namespaces/${suite.namespace()}/leavers`;
    await expect.poll(async () => (await suite.call('GET', path)).status, { timeout: 10_000 }).toBe(200);
    const body = { ...thing('held', {}, { finalizers: ['a.b/c'] }), apiVersion: `${group}/v1`, kind: 'Leaver' };
    await expect.poll(async () => (await suite.call('POST', path, { body })).status, { timeout: 10_000 }).toBe(201);
    const deleted = await suite.ok('DELETE', `${DEFINITIONS}/${definition.metadata.name}`);
    expect(deleted.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
    await expect
      .poll(async () => (await suite.call('GET', `${path}/held`)).body.metadata.deletionTimestamp, { timeout: 10_000 })
      .toBeDefined();
    await suite.merge(`${path}/held`, { metadata: { finalizers: null } });
    await expect
      .poll(async () => (await suite.call('GET', `${DEFINITIONS}/${definition.metadata.name}`)).status, {
        timeout: 30_000,
      })
      .toBe(404);
    await expect.poll(async () => (await suite.call('GET', path)).status, { timeout: 10_000 }).toBe(404);
  });

  describe('Serin’s own definitions', () => {
    const folder = fileURLToPath(new URL('../../deploy/crds', import.meta.url));
    const definitions = readdirSync(folder).map(
      (file) => parse(readFileSync(`${folder}/${file}`, 'utf8')) as { metadata: { name: string } },
    );

    test.each(definitions)('$metadata.name is accepted and established', async (definition) => {
      await suite.ok('POST', DEFINITIONS, { body: definition });
      const path = `${DEFINITIONS}/${definition.metadata.name}`;
      await expect
        .poll(async () => (await suite.ok('GET', path)).status.conditions?.map((item: { type: string }) => item.type), {
          timeout: 10_000,
        })
        .toContain('Established');
    });

    test('an empty Release is told what is missing', async () => {
      const path = `/apis/serin.dev/v1alpha1/namespaces/${suite.namespace()}/releases`;
      const body = { apiVersion: 'serin.dev/v1alpha1', kind: 'Release', metadata: { name: 'r' }, spec: {} };
      await expect.poll(async () => (await suite.call('POST', path, { body })).status, { timeout: 10_000 }).toBe(422);
      const answer = await suite.call('POST', path, { body });
      expect(answer.body.message).toContain('spec.workload: Required value');
      const unplanned = { ...body, spec: { workload: { pair: { members: ['web-v1', 'web-v2'] } } } };
      const refused = await suite.call('POST', path, { body: unplanned });
      expect(refused.body.message).toContain('strategy is missing: write it');
    });
  });
}

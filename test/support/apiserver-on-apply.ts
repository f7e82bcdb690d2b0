/** Conformance: server-side apply, who owns what, and who is refused. */
import { describe, expect, test } from 'vitest';
import type { ApiClient } from './apiserver-client.ts';
import {
  APPLY,
  configMap,
  deployment,
  expectRefusal,
  owners,
  type Refusal,
  suiteOn,
  thing,
} from './apiserver-suite.ts';

interface BadApply extends Refusal {
  readonly body?: object;
  readonly text?: string;
  readonly query?: string;
  readonly custom?: boolean;
}

const REFUSED: readonly BadApply[] = [
  {
    title: 'no field manager',
    body: configMap('x'),
    query: '',
    status: 422,
    reason: 'Invalid',
    says: 'fieldManager: Required value: is required for apply patch',
  },
  {
    title: 'managedFields in the configuration',
    body: configMap('x', undefined, { managedFields: [] }),
    status: 400,
    reason: 'BadRequest',
    says: 'metadata.managedFields must be nil',
  },
  {
    title: 'another version',
    body: { ...configMap('x'), apiVersion: 'v2' },
    status: 400,
    reason: 'BadRequest',
    says: 'invalid object type: /v2, Kind=ConfigMap',
  },
  {
    title: 'another name',
    body: configMap('y'),
    status: 400,
    reason: 'BadRequest',
    says: 'the name of the object (y) does not match the name on the URL (x)',
  },
  {
    title: 'an unknown field',
    body: { ...configMap('x'), foo: 1 },
    status: 500,
    reason: undefined,
    says: 'failed to create typed patch object (/x; /v1, Kind=ConfigMap): .foo: field not declared in schema',
  },
  {
    title: 'a uid of nothing',
    body: configMap('x', undefined, { uid: '1' }),
    status: 409,
    reason: 'Conflict',
    says: 'uid mismatch: the provided object specified uid 1, and no existing object was found',
  },
  {
    title: 'an unknown field of a custom kind',
    body: thing('x', { foo: 1 }),
    custom: true,
    status: 500,
    reason: undefined,
    says: '.spec.foo: field not declared in schema',
  },
  {
    title: 'a wrong type',
    body: thing('x', { weight: 'y' }),
    custom: true,
    status: 500,
    reason: undefined,
    says: '.spec.weight: expected numeric (int or float), got string',
  },
  {
    title: 'a key that comes twice',
    body: thing('x', { items: [{ name: 'y' }, { name: 'y' }] }),
    custom: true,
    status: 500,
    reason: undefined,
    says: '.spec.items: duplicate entries for key [name="y"]',
  },
  {
    title: 'an item without its key',
    body: thing('x', { items: [{ v: 1 }] }),
    custom: true,
    status: 500,
    reason: undefined,
    says: '.spec.items: element 0: associative list with keys has an element that omits all key fields ["name"]',
  },
  {
    title: 'a value that the schema forbids',
    body: thing('x', { weight: 1000 }),
    custom: true,
    status: 422,
    reason: 'Invalid',
    says: 'spec.weight in body should be less than or equal to 100',
  },
];

export function onApply(client: () => ApiClient): void {
  const suite = suiteOn(client, 'on-apply');
  const map = (name: string) => `${suite.core()}/configmaps/${name}`;
  const thingPath = (name: string) => `${suite.custom()}/things/${name}`;

  test.each(REFUSED)('refuses $title', async (row) => {
    const path = row.custom === true ? thingPath('x') : map('x');
    const answer = await suite.call('PATCH', path + (row.query ?? '?fieldManager=me'), { type: APPLY, body: row.body });
    expectRefusal(answer, row);
  });

  describe('of maps', () => {
    test('creates with 201, then 200, and owns what it names', async () => {
      const first = await suite.apply(map('made'), 'one', configMap('made', { a: '1' }));
      const second = await suite.apply(map('made'), 'one', configMap('made', { a: '1' }));
      expect([first.status, second.status]).toEqual([201, 200]);
      expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
      expect(owners(second.body)).toEqual({ 'one/Apply': { 'f:data': { 'f:a': {} } } });
    });

    test('another value of another’s field is a conflict that names both', async () => {
      await suite.apply(map('fought'), 'one', configMap('fought', { a: '1', b: '2' }));
      const one = await suite.apply(map('fought'), 'two', configMap('fought', { a: '2' }));
      expect(one.body).toMatchObject({
        code: 409,
        reason: 'Conflict',
        message: 'Apply failed with 1 conflict: conflict with "one": .data.a',
      });
      expect(one.body.details.causes).toEqual([
        { reason: 'FieldManagerConflict', message: 'conflict with "one"', field: '.data.a' },
      ]);
      const both = await suite.apply(map('fought'), 'two', configMap('fought', { a: '2', b: '3' }));
      expect(both.body.message).toBe('Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b');
    });

    test('the same value is shared, and goes only with its last owner', async () => {
      await suite.apply(map('shared'), 'one', configMap('shared', { a: '1', b: '2' }));
      const two = await suite.apply(map('shared'), 'two', configMap('shared', { a: '1' }));
      expect(owners(two.body)).toEqual({
        'one/Apply': { 'f:data': { 'f:a': {}, 'f:b': {} } },
        'two/Apply': { 'f:data': { 'f:a': {} } },
      });
      const left = await suite.apply(map('shared'), 'one', configMap('shared'));
      expect(left.body.data).toEqual({ a: '1' });
      expect(owners(left.body)).toEqual({ 'two/Apply': { 'f:data': { 'f:a': {} } } });
    });

    test('force takes the field over', async () => {
      await suite.apply(map('forced'), 'one', configMap('forced', { a: '1', b: '1' }));
      const taken = await suite.apply(map('forced'), 'two', configMap('forced', { a: '2' }), true);
      expect(taken.body.data).toEqual({ a: '2', b: '1' });
      expect(owners(taken.body)).toEqual({
        'one/Apply': { 'f:data': { 'f:b': {} } },
        'two/Apply': { 'f:data': { 'f:a': {} } },
      });
    });

    test('an update takes fields without asking, and then an apply of them conflicts', async () => {
      await suite.apply(map('updated'), 'one', configMap('updated', { a: '1' }));
      const after = await suite.merge(map('updated'), { data: { a: '2' } });
      expect(owners(after.body)).toEqual({ 'conformance/Update': { 'f:data': { 'f:a': {} } } });
      const answer = await suite.apply(map('updated'), 'one', configMap('updated', { a: '1' }));
      expect(answer.body.message).toMatch(
        /^Apply failed with 1 conflict: conflict with "conformance" using v1: \.data\.a$/,
      );
    });

    test('labels, annotations and finalizers are owned one by one', async () => {
      const metadata = { labels: { a: 'b' }, annotations: { c: 'd' }, finalizers: ['x.y/z'] };
      const made = await suite.apply(map('labelled'), 'one', configMap('labelled', undefined, metadata));
      expect(owners(made.body)).toEqual({
        'one/Apply': {
          'f:metadata': {
            'f:annotations': { 'f:c': {} },
            'f:finalizers': { 'v:"x.y/z"': {} },
            'f:labels': { 'f:a': {} },
          },
        },
      });
      const bare = await suite.apply(map('labelled'), 'one', configMap('labelled'));
      expect(bare.body.metadata.labels).toBeUndefined();
      expect(bare.body.metadata.finalizers).toBeUndefined();
    });

    test('clearing managedFields forgets everybody, and the next apply meets “before-first-apply”', async () => {
      await suite.apply(map('cleared'), 'one', configMap('cleared', { a: '1' }));
      const answer = await suite.merge(map('cleared'), { metadata: { managedFields: [{}] } });
      expect(answer.body.metadata.managedFields).toBeUndefined();
      const conflict = await suite.apply(map('cleared'), 'two', configMap('cleared', { a: '2' }));
      expect(conflict.body.message).toContain('conflict with "before-first-apply" using v1');
    });
  });

  describe('of lists', () => {
    test('keyed lists merge by item, sets by value, plain lists as a whole', async () => {
      const path = thingPath('lists');
      await suite.apply(
        path,
        'one',
        thing('lists', { items: [{ name: 'x', v: 1 }, { name: 'y' }], tags: ['p'], atomic: ['1'], map: { k: 1 } }),
      );
      const two = await suite.apply(
        path,
        'two',
        thing('lists', { items: [{ name: 'z', v: 9 }], tags: ['q'], map: { l: 2 } }),
      );
      expect(two.body.spec).toMatchObject({
        items: [
          { name: 'x', v: 1 },
          { name: 'y', v: 7 },
          { name: 'z', v: 9 },
        ],
        tags: ['p', 'q'],
        map: { k: 1, l: 2 },
      });
      const conflict = await suite.apply(path, 'two', thing('lists', { items: [{ name: 'x', v: 2 }], atomic: ['2'] }));
      expect(conflict.body.message).toContain('- .spec.atomic\n- .spec.items[name="x"].v');
      const less = await suite.apply(path, 'one', thing('lists', { items: [{ name: 'y' }] }));
      expect(less.body.spec.items).toEqual([
        { name: 'y', v: 7 },
        { name: 'z', v: 9 },
      ]);
      expect(less.body.spec.atomic).toBeUndefined();
    });

    test('containers and ports of a Deployment are owned by name and number', async () => {
      const body = deployment('owned');
      const made = await suite.apply(`${suite.apps()}/deployments/owned`, 'one', body);
      const fields = owners(made.body)['one/Apply'];
      expect(fields).toMatchObject({
        'f:spec': {
          'f:selector': {},
          'f:template': {
            'f:spec': {
              'f:containers': {
                'k:{"name":"app"}': {
                  '.': {},
                  'f:image': {},
                  'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {} } },
                },
              },
            },
          },
        },
      });
    });
  });

  describe('of status', () => {
    test('belongs to its own entry and leaves the spec alone', async () => {
      await suite.ok('POST', `${suite.custom()}/things`, { body: thing('st', {}) });
      const status = (conditions: object[], more: object = {}) => ({
        ...thing('st'),
        spec: undefined,
        status: { conditions, ...more },
      });
      const path = `${thingPath('st')}/status`;
      await suite.apply(path, 'a', status([{ type: 'A', status: 'True' }], { replicas: 4 }));
      const two = await suite.apply(path, 'b', status([{ type: 'B', status: 'False' }]));
      expect(two.body.status.conditions.map((item: { type: string }) => item.type)).toEqual(['A', 'B']);
      const less = await suite.apply(path, 'a', status([]));
      expect(less.body.status.conditions).toEqual([{ type: 'B', status: 'False' }]);
      expect(less.body.metadata.generation).toBe(1);
      expect(Object.keys(owners(less.body))).toContain('b/Apply/status');
    });

    test('of a missing object is 404', async () => {
      const answer = await suite.apply(`${thingPath('none')}/status`, 'a', {
        ...thing('none'),
        spec: undefined,
        status: {},
      });
      expect(answer.body).toMatchObject({ code: 404, message: 'things.conformance.serin.dev "none" not found' });
    });
  });

  test('an update owns what it wrote and what was filled in for it', async () => {
    const made = await suite.ok('POST', `${suite.apps()}/deployments?fieldManager=maker`, {
      body: deployment('filled'),
    });
    const fields = owners(made)['maker/Update'];
    expect(fields).toMatchObject({
      'f:spec': { 'f:replicas': {}, 'f:strategy': { 'f:type': {}, 'f:rollingUpdate': { '.': {} } } },
    });
    expect(fields).not.toHaveProperty(['f:spec', '.']);
  });
}

/** Conformance: JSON patch, merge patch, strategic merge patch. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { ApiClient } from './apiserver-client.ts';
import {
  configMap,
  deployment,
  expectRefusal,
  JSON_PATCH,
  MERGE_PATCH,
  type Refusal,
  STRATEGIC,
  suiteOn,
} from './apiserver-suite.ts';

interface BadPatch extends Refusal {
  readonly type: string;
  readonly body?: unknown;
  readonly text?: string;
  readonly query?: string;
}

const MISFIT = 'the server rejected our request due to an error in our request';

const REFUSED: readonly BadPatch[] = [
  {
    title: 'a JSON patch whose test fails',
    type: JSON_PATCH,
    body: [{ op: 'test', path: '/data/k', value: 'no' }],
    status: 422,
    reason: 'Invalid',
    says: MISFIT,
  },
  {
    title: 'a JSON patch that removes what is not there',
    type: JSON_PATCH,
    body: [{ op: 'remove', path: '/data/no' }],
    status: 422,
    reason: 'Invalid',
    says: MISFIT,
  },
  {
    title: 'a JSON patch below what is not there',
    type: JSON_PATCH,
    body: [{ op: 'replace', path: '/no/such', value: 1 }],
    status: 422,
    reason: 'Invalid',
    says: MISFIT,
  },
  {
    title: 'an operation that JSON patch does not have',
    type: JSON_PATCH,
    body: [{ op: 'foo', path: '/data' }],
    status: 422,
    reason: 'Invalid',
    says: MISFIT,
  },
  {
    title: 'a JSON patch that is an object',
    type: JSON_PATCH,
    body: { a: 1 },
    status: 400,
    reason: 'BadRequest',
    says: 'error decoding patch: json: cannot unmarshal object into Go value',
  },
  {
    title: 'a JSON patch that is no JSON',
    type: JSON_PATCH,
    text: '[{',
    status: 400,
    reason: 'BadRequest',
    says: 'error decoding patch: unexpected end of JSON input',
  },
  {
    title: 'a new name',
    type: JSON_PATCH,
    body: [{ op: 'replace', path: '/metadata/name', value: 'b' }],
    status: 400,
    reason: 'BadRequest',
    says: 'the name of the object (b) does not match the name on the URL (target)',
  },
  {
    title: 'a merge patch with an old resource version',
    type: MERGE_PATCH,
    body: { metadata: { resourceVersion: '1' } },
    status: 409,
    reason: 'Conflict',
    says: 'the object has been modified',
  },
  {
    title: 'a merge patch that is a list',
    type: MERGE_PATCH,
    body: [1],
    status: 400,
    reason: 'BadRequest',
    says: 'cannot unmarshal array into Go value of type map[string]interface {}',
  },
  {
    title: 'a merge patch that makes a wrong type',
    type: MERGE_PATCH,
    body: { data: { z: 1 } },
    status: 422,
    reason: 'Invalid',
    says: 'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
  },
  {
    title: 'a merge patch that adds an unknown field, strictly',
    type: MERGE_PATCH,
    body: { foo: 1 },
    query: '?fieldValidation=Strict',
    status: 422,
    reason: 'Invalid',
    says: 'strict decoding error: unknown field "foo"',
  },
  {
    title: 'a merge patch of the uid',
    type: MERGE_PATCH,
    body: { metadata: { uid: 'x' } },
    status: 422,
    reason: 'Invalid',
    says: 'metadata.uid: Invalid value: "x": field is immutable',
  },
  {
    title: 'a body that is no patch',
    type: 'application/json',
    body: {},
    status: 415,
    reason: 'UnsupportedMediaType',
    says: '415: Unsupported Media Type',
  },
  {
    title: 'force without apply',
    type: MERGE_PATCH,
    body: {},
    query: '?force=true',
    status: 422,
    reason: 'Invalid',
    says: 'force: Forbidden: may not be specified for non-apply patch',
  },
];

export function onPatches(client: () => ApiClient): void {
  const suite = suiteOn(client, 'on-patches');
  const target = () => `${suite.core()}/configmaps/target`;
  const web = () => `${suite.apps()}/deployments/web`;
  const strategic = async (body: unknown) => suite.ok('PATCH', web(), { type: STRATEGIC, body });
  const containers = (list: unknown[], more: object = {}) => ({
    spec: { template: { spec: { containers: list, ...more } } },
  });

  beforeAll(async () => {
    await suite.ok('POST', `${suite.core()}/configmaps`, { body: configMap('target', { k: 'v' }) });
    await suite.ok('POST', `${suite.apps()}/deployments`, { body: deployment('web') });
  });

  test.each(REFUSED)('refuses $title', async (row) => {
    const content = row.text === undefined ? { body: row.body } : { text: row.text };
    expectRefusal(await suite.call('PATCH', target() + (row.query ?? ''), { type: row.type, ...content }), row);
  });

  test('a patch of a missing object is 404', async () => {
    const answer = await suite.merge(`${suite.core()}/configmaps/none`, { data: {} });
    expect(answer.body).toMatchObject({ code: 404, message: 'configmaps "none" not found' });
  });

  describe('JSON patch', () => {
    test('applies all operations when the tests hold', async () => {
      const body = [
        { op: 'test', path: '/data/k', value: 'v' },
        { op: 'add', path: '/data/json', value: '1' },
        { op: 'replace', path: '/data/new', value: 'replace adds a missing member' },
      ];
      const answer = await suite.call('PATCH', target(), { type: JSON_PATCH, body });
      expect(answer.body.data).toMatchObject({ k: 'v', json: '1', new: 'replace adds a missing member' });
    });

    test('applies none when a later one fails', async () => {
      const body = [
        { op: 'add', path: '/data/half', value: '1' },
        { op: 'test', path: '/data/k', value: 'no' },
      ];
      expect((await suite.call('PATCH', target(), { type: JSON_PATCH, body })).status).toBe(422);
      expect((await suite.ok('GET', target())).data.half).toBeUndefined();
    });
  });

  describe('merge patch', () => {
    test('null removes, other values replace, and nothing new changes no resource version', async () => {
      const once = await suite.merge(target(), { data: { gone: 'x', kept: 'y' } });
      const twice = await suite.merge(target(), { data: { gone: null } });
      expect(once.body.data.gone).toBe('x');
      expect(twice.body.data).toMatchObject({ kept: 'y' });
      expect(twice.body.data.gone).toBeUndefined();
      const again = await suite.merge(target(), { data: { kept: 'y' } });
      expect(again.body.metadata.resourceVersion).toBe(twice.body.metadata.resourceVersion);
    });

    test('an immutable selector is refused', async () => {
      const answer = await suite.merge(web(), {
        spec: { selector: { matchLabels: { app: 'b' } }, template: { metadata: { labels: { app: 'b' } } } },
      });
      expect(answer.body.message).toContain('field is immutable');
    });
  });

  describe('strategic merge patch', () => {
    test('adds and changes list items by their key', async () => {
      await strategic(containers([{ name: 'side', image: 's:1', env: [{ name: 'A', value: '1' }] }]));
      const body = await strategic(
        containers([
          {
            name: 'side',
            env: [
              { name: 'B', value: '2' },
              { name: 'A', value: '3' },
            ],
          },
        ]),
      );
      const side = body.spec.template.spec.containers.find((item: { name: string }) => item.name === 'side');
      expect(side.image).toBe('s:1');
      expect(side.env).toEqual([
        { name: 'B', value: '2' },
        { name: 'A', value: '3' },
      ]);
    });

    test('$patch: delete removes an item, $setElementOrder orders', async () => {
      const trimmed = await strategic(containers([{ name: 'side', env: [{ name: 'A', $patch: 'delete' }] }]));
      const names = (body: typeof trimmed) =>
        body.spec.template.spec.containers.map((item: { name: string }) => item.name);
      expect(names(trimmed)).toContain('side');
      const order = {
        spec: { template: { spec: { '$setElementOrder/containers': [{ name: 'side' }, { name: 'app' }] } } },
      };
      expect(names(await strategic(order))).toEqual(['side', 'app']);
    });

    test('$patch: replace replaces the list, $retainKeys drops the rest', async () => {
      const replaced = await strategic(containers([{ $patch: 'replace' }, { name: 'only', image: 'o:1' }]));
      expect(replaced.spec.template.spec.containers).toHaveLength(1);
      const recreate = await strategic({ spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } });
      expect(recreate.spec.strategy).toEqual({ type: 'Recreate' });
    });

    test('sets merge, and $deleteFromPrimitiveList takes out', async () => {
      await strategic({ metadata: { finalizers: ['a.b/c'] } });
      const two = await strategic({ metadata: { finalizers: ['a.b/d'] } });
      expect(new Set(two.metadata.finalizers)).toEqual(new Set(['a.b/c', 'a.b/d']));
      const one = await strategic({ metadata: { '$deleteFromPrimitiveList/finalizers': ['a.b/d', 'a.b/c'] } });
      expect(one.metadata.finalizers ?? []).toEqual([]);
    });

    test('an item without its key is an error', async () => {
      const answer = await suite.call('PATCH', web(), { type: STRATEGIC, body: containers([{ image: 'o:1' }]) });
      expect(answer.status).toBe(500);
      expect(answer.body.message).toBe('map: map[image:o:1] does not contain declared merge key: name');
    });
  });
}

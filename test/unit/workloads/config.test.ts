/** What of ConfigMaps and Secrets counts as a Deployment's configuration: what its pods read when they start, and nothing else. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { readConfig } from '../../../src/controller/config-digest.ts';
import { SerinError } from '../../../src/errors.ts';
import { type ConfigReference, configReferencesOf } from '../../../src/workloads/config/references.ts';
import { canonicalJson } from '../../../src/release/revision.ts';
import { configContentOf } from '../../../src/workloads/config/content.ts';
import { createMemoryKube } from '../../support/memory-kube.ts';

const signal = new AbortController().signal;
const template = (spec: Record<string, unknown>): unknown => ({ metadata: { labels: { app: 'web' } }, spec });
const web = (fields: Record<string, unknown>): unknown => template({ containers: [{ name: 'web', ...fields }] });
/** `ConfigMap web-config [key] (optional, mounted): where`, one line each. */
const lines = (podTemplate: unknown): readonly string[] =>
  configReferencesOf(podTemplate).map(({ kind, name, keys, isOptional, isMounted, where }) => {
    const marks = [...(isOptional ? ['optional'] : []), ...(isMounted ? ['mounted'] : [])].join(', ');
    return `${kind} ${name} [${keys?.join(' ') ?? 'all'}]${marks === '' ? '' : ` (${marks})`}: ${where}`;
  });

describe('references of a pod template', () => {
  const source = { name: 'x', key: 'k' };
  test.each<[string, unknown, readonly string[]]>([
    ['nothing', web({ image: 'web:1', env: [{ name: 'A', value: 'x' }] }), []],
    [
      'env of a ConfigMap',
      web({ env: [{ name: 'A', valueFrom: { configMapKeyRef: source } }] }),
      ['ConfigMap x [k]: env A of container web'],
    ],
    [
      'env of a Secret, optional',
      web({ env: [{ name: 'A', valueFrom: { secretKeyRef: { ...source, optional: true } } }] }),
      ['Secret x [k] (optional): env A of container web'],
    ],
    [
      'env of the pod itself',
      web({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
      [],
    ],
    [
      'envFrom',
      web({ envFrom: [{ prefix: 'P_', configMapRef: { name: 'x' } }, { secretRef: { name: 'y', optional: true } }] }),
      ['ConfigMap x [all]: envFrom of container web', 'Secret y [all] (optional): envFrom of container web'],
    ],
    [
      'volumes, whole and by items',
      template({
        volumes: [
          { name: 'a', configMap: { name: 'x', items: [{ key: 'k', path: 'p' }] } },
          { name: 'b', secret: { secretName: 'y' } },
          { name: 'c', emptyDir: {} },
        ],
      }),
      ['ConfigMap x [k] (mounted): volume a', 'Secret y [all] (mounted): volume b'],
    ],
    [
      'projected volumes',
      template({
        volumes: [
          {
            name: 'a',
            projected: {
              sources: [
                { configMap: { name: 'x', optional: true } },
                { secret: { name: 'y', items: [{ key: 'k', path: 'p' }] } },
                { serviceAccountToken: { path: 'token' } },
              ],
            },
          },
        ],
      }),
      ['ConfigMap x [all] (optional, mounted): volume a', 'Secret y [k] (mounted): volume a'],
    ],
    [
      'init containers count; ephemeral ones, secrets for images and storage drivers do not',
      template({
        initContainers: [{ name: 'init', envFrom: [{ configMapRef: { name: 'x' } }] }],
        ephemeralContainers: [{ name: 'debug', envFrom: [{ configMapRef: { name: 'other' } }] }],
        imagePullSecrets: [{ name: 'pull' }],
        volumes: [{ name: 'a', csi: { driver: 'd', nodePublishSecretRef: { name: 'z' } } }],
      }),
      ['ConfigMap x [all]: envFrom of container init'],
    ],
    ['what nobody validated', template({ containers: [null, 'x', { env: {}, envFrom: [null] }], volumes: 'x' }), []],
  ])('%s', (_name, podTemplate, expected) => {
    expect(lines(podTemplate)).toEqual(expected);
  });

  test('nothing that anybody may write as a template makes it throw', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void configReferencesOf(value)));
  });
});

const reference = (change: Partial<ConfigReference> = {}): ConfigReference => ({
  kind: 'ConfigMap',
  name: 'x',
  isMounted: true,
  isOptional: false,
  where: 'volume a',
  ...change,
});
const holding = (data: Record<string, string>, more: Record<string, unknown> = {}): unknown => ({
  kind: 'ConfigMap',
  data,
  ...more,
});
const textOf = (references: readonly ConfigReference[], object: unknown): string => {
  const content = configContentOf(references, object);
  if (content.kind === 'missing') throw new Error(`missing ${content.key ?? 'object'}`);
  return content.text;
};

describe('the content that counts', () => {
  const all = [reference()];
  const oneKey = [reference({ keys: ['k'] })];
  const optional = [reference({ keys: ['k'], isOptional: true })];
  const inEnv = [reference({ isMounted: false })];

  test.each<[string, readonly ConfigReference[], unknown, unknown, 'same' | 'other']>([
    ['another value', all, holding({ k: '1' }), holding({ k: '2' }), 'other'],
    ['another key', all, holding({ k: '1' }), holding({ j: '1' }), 'other'],
    ['one key more', all, holding({ k: '1' }), holding({ k: '1', j: '' }), 'other'],
    ['one key more, which nobody reads', oneKey, holding({ k: '1' }), holding({ k: '1', j: '2' }), 'same'],
    ['a value moves between keys', all, holding({ a: '1', b: '2' }), holding({ a: '2', b: '1' }), 'other'],
    ['immutable', all, holding({ k: '1' }), holding({ k: '1' }, { immutable: true }), 'same'],
    [
      'labels and versions',
      all,
      holding({ k: '1' }),
      holding({ k: '1' }, { metadata: { labels: { a: 'b' } } }),
      'same',
    ],
    ['binary data in a volume', all, holding({}), holding({}, { binaryData: { k: 'AA==' } }), 'other'],
    ['binary data and the environment', inEnv, holding({}), holding({}, { binaryData: { k: 'AA==' } }), 'same'],
    ['text or binary', all, holding({ k: 'AA==' }), holding({}, { binaryData: { k: 'AA==' } }), 'other'],
    ['an optional key comes', optional, holding({}), holding({ k: '' }), 'other'],
    ['an optional object comes', optional, undefined, holding({ k: '1' }), 'other'],
    ['an optional object comes without the key', optional, undefined, holding({}), 'other'],
    [
      'a key called like a method',
      [reference({ keys: ['constructor'], isOptional: true })],
      holding({}),
      holding({ constructor: 'x' }),
      'other',
    ],
  ])('%s', (_name, references, one, other, expected) => {
    expect(textOf(references, one) === textOf(references, other) ? 'same' : 'other').toBe(expected);
  });

  test.each<[string, readonly ConfigReference[], unknown, string | undefined]>([
    ['the object', all, undefined, undefined],
    ['a key', oneKey, holding({ j: '1' }), 'k'],
    [
      'a key of a variable, which is there as binary data only',
      [reference({ keys: ['k'], isMounted: false })],
      holding({}, { binaryData: { k: 'AA==' } }),
      'k',
    ],
    ['an object that one reference needs and another does not', [...optional, ...oneKey], undefined, undefined],
  ])('missing: %s', (_name, references, object, key) => {
    expect(configContentOf(references, object)).toMatchObject({
      kind: 'missing',
      ...(key === undefined ? {} : { key }),
    });
  });

  const data = fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), fc.string({ maxLength: 4 }));
  const references = fc.array(
    fc.record({
      keys: fc.option(fc.array(fc.string({ maxLength: 2 }), { minLength: 1 }), { nil: undefined }),
      isMounted: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  );
  const some = (list: readonly { keys: string[] | undefined; isMounted: boolean }[]): readonly ConfigReference[] =>
    list.map(({ keys, isMounted }) =>
      reference({ isMounted, isOptional: true, ...(keys === undefined ? {} : { keys }) }),
    );

  test('the order of keys and of references does not matter', () => {
    fc.assert(
      fc.property(data, references, (map, list) => {
        const turned = Object.fromEntries(Object.entries(map).toReversed());
        expect(textOf(some(list).toReversed(), holding(turned))).toBe(textOf(some(list), holding(map)));
      }),
    );
  });

  test('two contents read whole are told apart exactly when they differ', () => {
    fc.assert(
      fc.property(data, data, (one, other) => {
        expect(textOf(all, holding(one)) === textOf(all, holding(other))).toBe(
          canonicalJson(one) === canonicalJson(other),
        );
      }),
    );
  });
});

describe('digests', () => {
  const secret: KubeObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'keys', namespace: 'shop' },
    data: { key: 'aHVudGVyMg==' },
  };
  const wanted = [reference({ kind: 'Secret', name: 'keys' }), reference({ name: 'maybe', isOptional: true })];

  test('are all that is known of a Secret afterwards', async () => {
    const kube = createMemoryKube();
    kube.put(secret);
    const found = await readConfig(kube, 'shop', wanted, signal);
    expect(found).toEqual({
      kind: 'config',
      digest: expect.stringMatching(/^[0-9a-f]{16}$/),
      objects: [
        { object: 'ConfigMap maybe', digest: expect.stringMatching(/^[0-9a-f]{16}$/) },
        { object: 'Secret keys', digest: expect.stringMatching(/^[0-9a-f]{16}$/) },
      ],
    });
    expect(kube.calls).toEqual(['get ConfigMap maybe', 'get Secret keys']);
  });

  test('are of what is read, wherever the template reads it first', async () => {
    const kube = createMemoryKube();
    kube.put(secret);
    const [one, other] = await Promise.all([
      readConfig(kube, 'shop', wanted, signal),
      readConfig(kube, 'shop', wanted.toReversed(), signal),
    ]);
    expect(other).toEqual(one);
    kube.put({ ...secret, data: { key: 'aHVudGVyMw==' } });
    expect(await readConfig(kube, 'shop', wanted, signal)).not.toEqual(one);
  });

  test.each([
    ['Secret', 'SecretForbidden', 'create role serin-read-x -n shop --verb=get --resource=secrets --resource-name=x'],
    [
      'ConfigMap',
      'PermissionMissing',
      'create role serin-read-configmap-x -n shop --verb=get --resource=configmaps --resource-name=x',
    ],
  ] as const)('a %s that may not be read: the message says what to grant', async (kind, reason, role) => {
    const denial = 'configmaps "x" is forbidden: User "system:serviceaccount:ops:serin" cannot get resource';
    const kube = {
      get: () => Promise.reject(new SerinError('SERIN_E_FORBIDDEN', denial)),
    };
    const found = await readConfig(kube, 'shop', [reference({ kind })], signal);
    expect(found).toMatchObject({ reason, message: expect.stringContaining(role) });
    expect(found).toMatchObject({ message: expect.stringContaining('--serviceaccount=ops:serin') });
  });

  test('an API server that does not answer is no finding: it is asked again', async () => {
    const kube = { get: () => Promise.reject(new SerinError('SERIN_E_KUBERNETES', 'away')) };
    await expect(readConfig(kube, 'shop', wanted, signal)).rejects.toThrow('away');
  });

  test('what is missing is named, with where it is needed and what to do', async () => {
    const kube = createMemoryKube();
    kube.put({ ...secret, kind: TYPES.configMap.kind, metadata: { name: 'x', namespace: 'shop' }, data: {} });
    const found = await readConfig(kube, 'shop', [reference({ keys: ['k'], where: 'env A of container web' })], signal);
    expect(found).toEqual({
      reason: 'ConfigMissing',
      message:
        'ConfigMap x in namespace shop has no key "k", and pods of spec.workload.deployment need it (env A of container web): new ones cannot start. Add it, or mark the reference optional.',
    });
  });
});

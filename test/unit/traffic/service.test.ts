/** The users' Service as a router: what it selects, what is refused, and that it is given back as it was. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at, labelsAt } from '../../../src/api/fields.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { service as router } from '../../../src/traffic/service.ts';
import type { TrafficInput } from '../../../src/traffic/port.ts';
import { applied, arm, type Labels, NAMESPACE, objectSet, service } from '../../support/objects.ts';

const V1 = arm('web-v1', { app: 'web', version: 'v1' });
const V2 = arm('web-v2', { app: 'web', version: 'v2' });
const TO_V1 = { app: 'web', version: 'v1' };
const TO_V2 = { app: 'web', version: 'v2' };

const spec = (preview?: string): ReleaseSpec => ({
  workload: { pair: { members: ['web-v1', 'web-v2'] } },
  traffic: { service: { name: 'web' } },
  strategy: { blueGreen: preview === undefined ? {} : { preview } },
});

type Change = Partial<TrafficInput> & { readonly list?: readonly KubeObject[] };

function inputOf({
  list = [service('web', TO_V1)],
  ...change
}: Change = {}): TrafficInput & { list: readonly KubeObject[] } {
  const objects = objectSet(list);
  return { namespace: NAMESPACE, spec: spec(), stable: V1, canary: V2, taken: undefined, objects, list, ...change };
}

const selectorOf = (list: readonly KubeObject[], name = 'web'): Labels =>
  labelsAt(
    list.find(({ metadata }) => metadata.name === name),
    'spec',
    'selector',
  );

/** The objects after the write, with the input that sees them. */
function after(input: ReturnType<typeof inputOf>, weight: number | 'restore'): ReturnType<typeof inputOf> {
  const intent =
    weight === 'restore' ? ({ kind: 'restore' } as const) : ({ kind: 'weight', canaryWeight: weight } as const);
  const list = applied(input.list, router.write(input, intent));
  return { ...input, list, objects: objectSet(list) };
}

const taking = (input: ReturnType<typeof inputOf>): ReturnType<typeof inputOf> => ({
  ...input,
  taken: router.snapshot(input),
});

describe('what users get', () => {
  test.each<{ selector: Labels; weight: number | undefined }>([
    { selector: TO_V1, weight: 0 },
    { selector: { version: 'v2' }, weight: 100 },
  ])('$selector is a weight of $weight', ({ selector, weight }) => {
    expect(router.read(inputOf({ list: [service('web', selector)] }))).toEqual({
      kind: 'traffic',
      canaryWeight: weight,
      drift: [],
    });
  });

  test.each([0, 1, 50, 99])('at a weight of %i it is all stable', (weight) => {
    expect(selectorOf(after(taking(inputOf({ list: [service('web', TO_V2)] })), weight).list)).toEqual(TO_V1);
  });

  test('is exchanged in one field, guarded by the whole of what was read', () => {
    expect(router.write(taking(inputOf()), { kind: 'weight', canaryWeight: 100 })).toEqual([
      {
        kind: 'json',
        target: { type: expect.objectContaining({ kind: 'Service' }), namespace: NAMESPACE, name: 'web' },
        operations: [
          { op: 'test', path: '/spec/selector', value: TO_V1 },
          { op: 'replace', path: '/spec/selector', value: TO_V2 },
        ],
        fieldManager: 'serin-traffic',
      },
    ]);
  });

  test('keeps keys that tell nobody apart, also such as came later', () => {
    const input = inputOf({ list: [service('web', { ...TO_V1, track: 'prod' })] });
    const arms = {
      stable: arm('web-v1', { ...TO_V1, track: 'prod' }),
      canary: arm('web-v2', { ...TO_V2, track: 'prod' }),
    };
    expect(selectorOf(after({ ...input, ...arms }, 100).list)).toEqual({ ...TO_V2, track: 'prod' });
  });

  test('follows a label whose value is new with each version', () => {
    const canary = arm('web-v2', { app: 'web', version: 'v3' });
    expect(selectorOf(after(inputOf({ canary }), 100).list)).toEqual({ app: 'web', version: 'v3' });
  });
});

describe('what cannot be switched is refused, with what to do', () => {
  test.each<{ name: string; change: Change; says: RegExp }>([
    {
      name: 'a Service that is not there',
      change: { list: [] },
      says: /^spec\.traffic\.service\.name is "web", but .* Create it/,
    },
    {
      name: 'a preview that is not there',
      change: { spec: spec('web-preview') },
      says: /^spec\.strategy\.blueGreen\.preview is "web-preview", but namespace shop has no Service/,
    },
    { name: 'no selector', change: { list: [service('web', {})] }, says: /has no selector.* Give it one/ },
    {
      name: 'a selector of both versions',
      change: { list: [service('web', { app: 'web' })] },
      says: /cannot lead to web-v1 or web-v2 alone\. Select by a label that they differ in \(version: v1 or v2\)\.$/,
    },
    {
      name: 'a selector of neither version',
      change: { list: [service('web', { app: 'web', version: 'v9' })] },
      says: /neither web-v1 nor web-v2 alone\. Let it select the version that users get/,
    },
    {
      name: 'versions without a difference',
      change: { canary: arm('web-v2', V1.podLabels) },
      says: /Give their pod templates a label that differs/,
    },
    {
      name: 'what another router still has to give back',
      change: { taken: { router: 'istio' } },
      says: /Put spec\.traffic back, delete the Release/,
    },
  ])('$name', ({ change, says }) => {
    const found = router.read(inputOf(change));
    expect('message' in found ? found.message : 'it was accepted').toMatch(says);
  });

  test('and nothing is written', () => {
    const input = inputOf({ list: [service('web', { app: 'web' })] });
    expect(router.write(input, { kind: 'weight', canaryWeight: 100 })).toEqual([]);
  });
});

describe('what somebody changed', () => {
  const switchedInput = taking(inputOf());
  test('is said with what should stand there and who did it', () => {
    const managedFields = [{ manager: 'kubectl', operation: 'Update', time: '2026-01-01T00:00:00Z' }];
    const list = [{ ...service('web', TO_V1), metadata: { name: 'web', namespace: NAMESPACE, managedFields } }];
    const seen = router.read({ ...switchedInput, objects: objectSet(list), intendedWeight: 100 });
    expect(seen).toEqual({
      kind: 'traffic',
      canaryWeight: 0,
      drift: [
        'Service "web" selects app=web, version=v1 instead of app=web, version=v2 (last changed by kubectl at 2026-01-01T00:00:00Z).',
      ],
    });
  });

  test('is put back even where the key is gone that told the versions apart', () => {
    const list = [service('web', { app: 'web' })];
    const broken = { ...switchedInput, list, objects: objectSet(list), intendedWeight: 100 };
    expect(router.read(broken)).toMatchObject({ kind: 'traffic', canaryWeight: undefined });
    expect(selectorOf(after(broken, 100).list)).toEqual(TO_V2);
  });
});

describe('labels that do not tell the versions apart any more', () => {
  const broken = { stable: arm('web-v1', { app: 'web' }), canary: arm('web-v2', { app: 'web' }) };

  test('are no reason to leave users where they are: what led to stable is given back', () => {
    const users = after(taking(inputOf()), 100);
    const back = after({ ...users, ...broken }, 'restore');
    expect(selectorOf(back.list)).toEqual(TO_V1);
    expect(router.isWaiting?.({ ...users, ...broken }, { kind: 'restore' })).toBe(false);
  });

  test('and nobody says that users are back where it cannot be known', () => {
    const users = { ...after(taking(inputOf()), 100), stable: arm('web-v2', { app: 'web' }), canary: broken.stable };
    expect(router.write(users, { kind: 'restore' })).toEqual([]);
    expect(router.isWaiting?.(users, { kind: 'restore' })).toBe(true);
  });
});

describe('the preview', () => {
  const list = [service('web', TO_V1), service('web-preview', TO_V1)];
  const input = taking(inputOf({ list, spec: spec('web-preview') }));

  test('leads to the version that is not live, before the switch and after it', () => {
    for (const weight of [0, 100]) expect(selectorOf(after(input, weight).list, 'web-preview')).toEqual(TO_V2);
  });

  test('is given back as it was', () => {
    expect(selectorOf(after(after(input, 100), 'restore').list, 'web-preview')).toEqual(TO_V1);
  });

  test('leads to the version that is not live where they changed places meanwhile, kept or given back', () => {
    const swapped = { ...after(input, 100), stable: V2, canary: V1 };
    for (const intent of [0, 'restore'] as const) {
      const { list: objects } = after(swapped, intent);
      expect([selectorOf(objects), selectorOf(objects, 'web-preview')]).toEqual([TO_V2, TO_V1]);
    }
  });
});

const values = fc.constantFrom('a', 'b', 'c');
const labels = fc.record(
  { app: fc.constant('web'), version: values, track: values },
  { requiredKeys: ['app', 'version'] },
);
const writes = fc.array(fc.constantFrom(0, 100), { maxLength: 5 });

describe('whatever the labels', () => {
  test('a write leads to exactly one version, is made once, and is taken back to the letter', () => {
    fc.assert(
      fc.property(labels, labels, fc.subarray(['app', 'version', 'track']), writes, (one, other, keys, weights) => {
        const stable = arm('web-v1', one);
        const canary = arm('web-v2', other);
        const selector = Object.fromEntries(
          keys.flatMap((key) => {
            const value = at(one, key);
            return typeof value === 'string' ? [[key, value]] : [];
          }),
        );
        const first = inputOf({ stable, canary, list: [service('web', selector)] });
        if ('message' in router.read(first)) return;
        let input = taking(first);
        for (const weight of weights) {
          input = after(input, weight);
          expect(router.write(input, { kind: 'weight', canaryWeight: weight })).toEqual([]);
          expect(router.read({ ...input, intendedWeight: weight })).toEqual({
            kind: 'traffic',
            canaryWeight: weight,
            drift: [],
          });
        }
        expect(after(input, 'restore').list).toEqual(first.list);
      }),
    );
  });
});

/** The users' Service in front of one Deployment: led to one version by one key more, and given back as it was. */
import { describe, expect, test } from 'vitest';
import { labelsAt } from '../../../src/api/fields.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { TrafficIntent } from '../../../src/release/observed.ts';
import type { TrafficInput } from '../../../src/traffic/port.ts';
import { service as router } from '../../../src/traffic/service.ts';
import { applied, arm, type Labels, NAMESPACE, objectSet, service } from '../../support/objects.ts';

const HASH = 'pod-template-hash';
const ROLE = 'serin.dev/role';
const stable = {
  ...arm('web', { app: 'web', tier: 'a', [HASH]: 'old' }),
  ownLabel: { key: HASH, value: 'old' },
};
const canary = {
  ...arm('web-canary', { app: 'web', tier: 'a', [ROLE]: 'canary' }),
  ownLabel: { key: ROLE, value: 'canary' },
};

type World = TrafficInput & { readonly list: readonly KubeObject[] };

function world(active: Labels = { app: 'web' }, preview?: Labels, change: Partial<TrafficInput> = {}): World {
  const list = [service('web', active), ...(preview === undefined ? [] : [service('tests', preview)])];
  return {
    namespace: NAMESPACE,
    spec: {
      workload: { deployment: { name: 'web' } },
      traffic: { service: { name: 'web' } },
      strategy: { blueGreen: preview === undefined ? {} : { preview: 'tests' } },
    },
    objects: objectSet(list),
    stable,
    canary,
    taken: undefined,
    list,
    ...change,
  };
}

const selectorOf = ({ list }: World, name = 'web'): Labels =>
  labelsAt(
    list.find(({ metadata }) => metadata.name === name),
    'spec',
    'selector',
  );
const seeing = (before: World, list: readonly KubeObject[]): World => ({ ...before, list, objects: objectSet(list) });
const taking = (before: World): World => ({ ...before, taken: router.snapshot(before) });
const after = (before: World, intent: TrafficIntent): World =>
  seeing(before, applied(before.list, router.write(before, intent)));
const weight = (canaryWeight: number, isOpen = false): TrafficIntent => ({ kind: 'weight', canaryWeight, isOpen });

describe('where users are led', () => {
  test.each<{ name: string; intent: TrafficIntent; selector: Labels }>([
    { name: 'stable, before the switch', intent: weight(0), selector: { app: 'web', [HASH]: 'old' } },
    { name: 'the canary, after it', intent: weight(100), selector: { app: 'web', [ROLE]: 'canary' } },
    { name: 'any pod, while it rolls without a canary', intent: weight(0, true), selector: { app: 'web' } },
    { name: 'as it was', intent: { kind: 'restore' }, selector: { app: 'web' } },
  ])('$name', ({ intent, selector }) => {
    for (const first of [weight(0), weight(100), weight(0, true)]) {
      const then = after(after(taking(world()), first), intent);
      expect(selectorOf(then)).toEqual(selector);
      expect(router.write(then, intent)).toEqual([]);
    }
  });

  test('nothing is added before it is remembered what was there', () => {
    expect(router.write(world(), weight(0))).toEqual([]);
  });

  test('a hash that no pod has is never selected: users would be left without endpoints', () => {
    const { ownLabel: _none, ...gone } = stable;
    expect(selectorOf(after(taking(world({ app: 'web' }, undefined, { stable: gone })), weight(0)))).toEqual({
      app: 'web',
    });
  });

  test('the pin follows the pods that users get', () => {
    const pinned = after(taking(world()), weight(0));
    const next = { ...pinned, stable: { ...stable, ownLabel: { key: HASH, value: 'new' } } };
    expect(selectorOf(after(next, weight(0)))).toEqual({ app: 'web', [HASH]: 'new' });
  });

  test('a key that its author adds meanwhile stays', () => {
    const pinned = after(taking(world()), weight(0));
    const edited = seeing(pinned, [service('web', { ...selectorOf(pinned), tier: 'a' })]);
    expect(selectorOf(after(edited, weight(100)))).toEqual({ app: 'web', tier: 'a', [ROLE]: 'canary' });
    expect(selectorOf(after(edited, { kind: 'restore' }))).toEqual({ app: 'web', tier: 'a' });
  });

  test('the weight is read from what it selects, and what somebody took away is said', () => {
    const pinned = after(taking(world()), weight(0));
    const read = (selector: Labels): unknown =>
      router.read({ ...seeing(pinned, [service('web', selector)]), intendedWeight: 0 });
    expect(read(selectorOf(pinned))).toEqual({ kind: 'traffic', canaryWeight: 0, drift: [] });
    expect(read({ app: 'web', [ROLE]: 'canary' })).toMatchObject({ canaryWeight: 100 });
    expect(read({ app: 'web' })).toMatchObject({
      drift: ['Service "web" selects app=web instead of app=web, pod-template-hash=old.'],
    });
  });
});

describe('where testers are led', () => {
  test.each<{ preview: Labels; between: Labels }>([
    { preview: { app: 'web' }, between: { app: 'web' } },
    { preview: { app: 'web', [ROLE]: 'canary' }, between: { app: 'web', [ROLE]: 'canary' } },
  ])('$preview: to the canary during a release, and as it was after it', ({ preview, between }) => {
    const during = after(taking(world({ app: 'web' }, preview)), weight(0));
    expect(selectorOf(during, 'tests')).toEqual({ app: 'web', [ROLE]: 'canary' });
    expect(selectorOf(after(during, weight(100)), 'tests')).toEqual({ app: 'web', [ROLE]: 'canary' });
    expect(selectorOf(after(during, { kind: 'restore' }), 'tests')).toEqual(between);
  });
});

describe('what cannot be switched is refused, with what to do', () => {
  test.each<{ name: string; input: World; says: RegExp }>([
    {
      name: 'no selector',
      input: world({}),
      says: /has no selector.* Give it one that selects the pods of the Deployment/,
    },
    {
      name: 'pods of others',
      input: world({ app: 'cart' }),
      says: /^spec\.traffic\.service\.name: Service "web" selects app=cart, which does not find the pods of Deployment web/,
    },
    {
      name: 'a hash of its author’s',
      input: world({ app: 'web', [HASH]: 'old' }),
      says: /selects pod-template-hash=old, the label by which Serin tells the two versions apart\. Take it out/,
    },
    { name: 'only canaries', input: world({ app: 'web', [ROLE]: 'canary' }), says: /selects serin\.dev\/role=canary/ },
    {
      name: 'a label that the new template changes',
      input: world({ app: 'web', tier: 'a' }, undefined, {
        canary: { ...canary, podLabels: { app: 'web', tier: 'b', [ROLE]: 'canary' } },
      }),
      says: /selects tier=a, which pods of the new template do not have \(tier=b\)\. Select by labels that are the same/,
    },
    {
      name: 'a preview of other pods',
      input: world({ app: 'web' }, { app: 'cart' }),
      says: /^spec\.strategy\.blueGreen\.preview: Service "tests" selects app=cart/,
    },
  ])('$name', ({ input, says }) => {
    const found = router.read(input);
    expect('message' in found ? found.message : 'it was accepted').toMatch(says);
  });
});

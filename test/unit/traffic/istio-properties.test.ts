import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { istio } from '../../../src/traffic/istio.ts';
import type { TrafficInput } from '../../../src/traffic/port.ts';
import { applied, arm, destinationRule, NAMESPACE, objectSet, service, virtualService } from '../../support/objects.ts';

const V1 = arm('web-v1', { app: 'web', version: 'v1' });
const V2 = arm('web-v2', { app: 'web', version: 'v2' });
const OTHERS = [
  service('web', { app: 'web' }),
  service('web-v1', { app: 'web', version: 'v1' }),
  service('web-v2', { app: 'web', version: 'v2' }),
  service('api', { app: 'api' }),
  destinationRule('web', { v1: { version: 'v1' }, v2: { version: 'v2' } }),
];

type Entry = { destination: { host: string; subset?: string }; weight?: number } & Record<string, unknown>;
type Rule = { name?: string; route?: Entry[] } & Record<string, unknown>;

/** Fields that Serin knows nothing about; they must come through untouched, in any place. */
const unknownFields = fc.dictionary(
  fc.constantFrom('timeout', 'retries', 'fault', 'corsPolicy', 'x-new', 'mirror', 'headers'),
  fc.jsonValue(),
  { maxKeys: 3 },
);

const destinationTo = (arms: 'v1' | 'v2') =>
  fc.constantFrom(
    { host: 'web', subset: arms },
    { host: `web-${arms}` },
    { host: 'web.shop.svc.cluster.local', subset: arms },
  );

const entry = (destination: fc.Arbitrary<Entry['destination']>, weight: fc.Arbitrary<number | undefined>) =>
  fc.tuple(destination, weight, unknownFields).map(
    ([where, amount, more]): Entry => ({
      ...more,
      destination: where,
      ...(amount === undefined ? {} : { weight: amount }),
    }),
  );

/** 0 and missing are common; sums need not be 100. Multiples of 100 beside others keep every whole percentage exact. */
const freeWeight = fc.option(fc.constantFrom(0, 1, 3, 20, 50, 90, 100, 7777), { nil: undefined });
const roundWeight = fc.constantFrom(100, 200, 1000);

const steeredRoute: fc.Arbitrary<Entry[]> = fc.oneof(
  entry(destinationTo('v1'), freeWeight).map((one) => [one]),
  fc
    .tuple(entry(destinationTo('v1'), fc.constantFrom(1, 3, 100)), entry(destinationTo('v2'), freeWeight))
    .map((pair) => pair),
  fc
    .tuple(
      entry(destinationTo('v1'), roundWeight),
      entry(fc.constant({ host: 'api' }), freeWeight),
      fc.option(entry(destinationTo('v2'), fc.constantFrom(0, undefined, 100)), { nil: undefined }),
    )
    .chain(([stable, other, canary]) =>
      fc.shuffledSubarray([stable, other, ...(canary === undefined ? [] : [canary])], {
        minLength: canary === undefined ? 2 : 3,
      }),
    ),
);

const match = fc.option(
  fc.array(fc.record({ uri: fc.record({ prefix: fc.constantFrom('/', '/a', '/b') }) }), { minLength: 1, maxLength: 2 }),
  { nil: undefined },
);

const rule = (route: fc.Arbitrary<Entry[] | undefined>): fc.Arbitrary<Rule> =>
  fc
    .tuple(fc.option(fc.constantFrom('main', 'api', 'static'), { nil: undefined }), match, route, unknownFields)
    .map(([name, matches, entries, more]) => ({
      ...more,
      ...(name === undefined ? {} : { name }),
      ...(matches === undefined ? {} : { match: matches }),
      ...(entries === undefined ? {} : { route: entries }),
    }));

const otherRule = rule(
  fc.oneof(
    fc.constant(undefined),
    fc.array(
      entry(
        fc.constantFrom({ host: 'api' }, { host: 'ghost.example' }, { host: 'web', subset: 'none-of-us' }),
        freeWeight,
      ),
      { minLength: 1, maxLength: 3 },
    ),
  ),
).filter((one) => !(one.route ?? []).some(({ destination }) => destination.subset !== undefined));

const http = fc
  .tuple(fc.array(otherRule, { maxLength: 3 }), fc.array(rule(steeredRoute), { minLength: 1, maxLength: 3 }))
  .chain(([others, ours]) => fc.shuffledSubarray([...others, ...ours], { minLength: others.length + ours.length }));

const object = fc.tuple(http, unknownFields).map(([rules, more]) => virtualService(rules, more));
const weight = fc.integer({ min: 0, max: 100 });

function inputOf(vs: KubeObject, more: Partial<TrafficInput> = {}): TrafficInput {
  return {
    namespace: NAMESPACE,
    spec: {
      workload: { pair: { members: ['web-v1', 'web-v2'] } },
      traffic: { istio: { virtualService: { name: 'web' } } },
      strategy: { canary: { stepWeights: [50] } },
    },
    stable: V1,
    canary: V2,
    taken: undefined,
    objects: objectSet([vs, ...OTHERS]),
    ...more,
  };
}

function wrote(vs: KubeObject, canaryWeight: number, more: Partial<TrafficInput> = {}): KubeObject {
  const patches = istio.write(inputOf(vs, more), { kind: 'weight', canaryWeight });
  return applied([vs], patches)[0] as KubeObject;
}

function restored(vs: KubeObject, more: Partial<TrafficInput>): KubeObject {
  return applied([vs], istio.write(inputOf(vs, more), { kind: 'restore' }))[0] as KubeObject;
}

const rulesOf = (vs: KubeObject) => (vs['spec'] as { http: Rule[] }).http;
const isArm = ({ destination }: Entry, version: string) =>
  destination.subset === version || destination.host === `web-${version}`;
const isOurs = (one: Entry) => isArm(one, 'v1') || isArm(one, 'v2');
const parts = (route: readonly Entry[], version: string) =>
  route.length === 1
    ? isArm(route[0] as Entry, version)
      ? 100
      : 0
    : route.filter((one) => isArm(one, version)).reduce((sum, one) => sum + (one.weight ?? 0), 0);
const sum = (route: readonly Entry[]) => parts(route, 'v1') + parts(route, 'v2');

/** The object without what Serin may touch: the entries of the two arms. */
function withoutArms(vs: KubeObject): unknown {
  const spec = vs['spec'] as Record<string, unknown>;
  return {
    ...vs,
    spec: {
      ...spec,
      http: rulesOf(vs).map((one) => ({
        ...one,
        ...(one.route === undefined ? {} : { route: one.route.filter((e) => !isOurs(e)) }),
      })),
    },
  };
}

describe('for any VirtualService', () => {
  test('every steered route gives the canary exactly the weight of what the two versions have together', () => {
    fc.assert(
      fc.property(object, weight, (vs, canaryWeight) => {
        const after = rulesOf(wrote(vs, canaryWeight));
        rulesOf(vs).forEach((one, index) => {
          const before = one.route ?? [];
          if (!before.some(isOurs) || sum(before) === 0) return;
          const now = after[index]?.route ?? [];
          expect(parts(now, 'v2') * 100).toBe(canaryWeight * sum(now));
          // Beside other destinations the sum must not change, or theirs would be another share.
          if (before.some((e) => !isOurs(e))) expect(sum(now)).toBe(sum(before));
        });
      }),
    );
  });

  test('writing again what is there already is an empty patch', () => {
    fc.assert(
      fc.property(object, weight, (vs, canaryWeight) => {
        const taken = istio.snapshot(inputOf(vs));
        for (const more of [{}, { taken }]) {
          const after = wrote(vs, canaryWeight, more);
          expect(istio.write(inputOf(after, more), { kind: 'weight', canaryWeight })).toEqual([]);
          expect(istio.read(inputOf(after, { ...more, intendedWeight: canaryWeight }))).toMatchObject({
            canaryWeight,
            drift: [],
          });
        }
      }),
    );
  });

  test('nothing but the two versions’ destinations changes, and of those that were there only the weight', () => {
    fc.assert(
      fc.property(object, weight, (vs, canaryWeight) => {
        const after = wrote(vs, canaryWeight);
        expect(withoutArms(after)).toEqual(withoutArms(vs));
        rulesOf(vs).forEach((one, index) => {
          (one.route ?? []).forEach((before, place) => {
            const { weight: _before, ...kept } = before;
            const { weight: _after, ...now } = { ...rulesOf(after)[index]?.route?.[place] };
            expect(now).toEqual(kept);
          });
        });
      }),
    );
  });

  test('after any writes, giving back makes it exactly what it was but for weight that the canary had', () => {
    fc.assert(
      fc.property(object, fc.array(weight, { minLength: 1, maxLength: 4 }), (vs, weights) => {
        const taken = istio.snapshot(inputOf(vs));
        const after = weights.reduce((now, canaryWeight) => wrote(now, canaryWeight, { taken }), vs);
        const back = restored(after, { taken });
        rulesOf(vs).forEach((one, index) => {
          const hadCanary =
            one.route !== undefined && parts(one.route, 'v2') > 0 && one.route.some((e) => isArm(e, 'v1'));
          if (!hadCanary) {
            expect(rulesOf(back)[index]).toEqual(one);
            return;
          }
          expect(sum(rulesOf(back)[index]?.route ?? [])).toBe(sum(one.route ?? []));
          expect(parts(rulesOf(back)[index]?.route ?? [], 'v2')).toBe(0);
        });
        expect(istio.write(inputOf(back, { taken }), { kind: 'restore' })).toEqual([]);
      }),
    );
  });

  test('whatever is asked for beside weights, in any order, the same patch does nothing twice and weight 0 or giving back leaves none of it', () => {
    const asked = fc.record({
      canaryWeight: weight,
      beside: fc.record(
        {
          match: fc.record(
            {
              headers: fc.constantFrom({ 'x-canary': { exact: '1' } }, { 'x-beta': { prefix: 'b' } }),
              share: fc.integer({ min: 1, max: 99 }),
            },
            { requiredKeys: ['headers'] },
          ),
          mirror: fc.integer({ min: 1, max: 100 }),
        },
        { requiredKeys: [] },
      ),
    });
    fc.assert(
      fc.property(object, fc.array(asked, { minLength: 1, maxLength: 4 }), fc.boolean(), (vs, intents, isRestored) => {
        const isMirrored = intents.some(({ beside }) => beside.mirror !== undefined);
        fc.pre(!(isMirrored && rulesOf(vs).some((one) => 'mirror' in one)));
        const taken = istio.snapshot(inputOf(vs));
        let now = vs;
        for (const intent of intents) {
          const patches = istio.write(inputOf(now, { taken }), { kind: 'weight', ...intent });
          const next = applied([now], patches)[0] as KubeObject;
          const { canaryWeight: intendedWeight, beside: intendedBeside } = intent;
          const input = inputOf(next, { taken, intendedWeight, intendedBeside });
          expect(istio.write(input, { kind: 'weight', ...intent })).toEqual([]);
          expect(istio.read(input)).toMatchObject({ canaryWeight: intendedWeight, drift: [] });
          now = next;
        }
        expect(
          rulesOf(now)
            .filter(({ name }) => !name?.startsWith('serin-match-'))
            .map(({ name }) => name),
        ).toEqual(rulesOf(vs).map(({ name }) => name));
        // As with the same weights alone.
        const plainly = intents.reduce((before, { canaryWeight }) => wrote(before, canaryWeight, { taken }), vs);
        if (isRestored) expect(restored(now, { taken })).toEqual(restored(plainly, { taken }));
        else expect(wrote(now, 0, { taken })).toEqual(wrote(plainly, 0, { taken }));
      }),
    );
  });

  test('after a promotion, giving back leaves all of it with the version that is stable now', () => {
    fc.assert(
      fc.property(object, weight, (vs, canaryWeight) => {
        const taken = istio.snapshot(inputOf(vs));
        const after = wrote(wrote(vs, canaryWeight, { taken }), 100, { taken });
        const back = restored(after, { taken, stable: V2, canary: V1 });
        rulesOf(back).forEach((one, index) => {
          const before = rulesOf(vs)[index]?.route ?? [];
          if (!before.some(isOurs) || sum(before) === 0) return;
          expect(parts(one.route ?? [], 'v1')).toBe(0);
          expect(one.route).toHaveLength(before.length);
        });
        expect(withoutArms(back)).toEqual(withoutArms(vs));
      }),
    );
  });

  test('whatever somebody does to the weights of the two versions is put back, and nothing else is touched', () => {
    fc.assert(
      fc.property(
        object,
        weight,
        fc.infiniteStream(fc.nat({ max: 1000 })),
        unknownFields,
        (vs, canaryWeight, stream, more) => {
          const taken = istio.snapshot(inputOf(vs));
          const mine = wrote(vs, canaryWeight, { taken });
          const edited = structuredClone(mine) as KubeObject;
          Object.assign(edited['spec'] as object, more);
          for (const one of rulesOf(edited)) {
            for (const e of one.route ?? [])
              if (isOurs(e) && sum(one.route ?? []) > 0) e.weight = 1 + (stream.next().value as number);
          }
          const repaired = wrote(edited, canaryWeight, { taken });
          expect(withoutArms(repaired)).toEqual(withoutArms(edited));
          rulesOf(repaired).forEach((one, index) => {
            const route = one.route ?? [];
            if (!(rulesOf(vs)[index]?.route ?? []).some(isOurs) || sum(rulesOf(vs)[index]?.route ?? []) === 0) return;
            expect(parts(route, 'v2') * 100).toBe(canaryWeight * sum(route));
            if (route.some((e) => !isOurs(e))) expect(sum(route)).toBe(sum(rulesOf(vs)[index]?.route ?? []));
          });
        },
      ),
    );
  });
});

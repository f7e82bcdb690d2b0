import { describe, expect, test } from 'vitest';
import { combinationTable, OWN_STEPS_WORKLOADS, ownsSteps, TODAY } from '../../../src/api/combinations.ts';
import { fieldsAt } from '../../../src/api/fields.ts';
import { Strategy, Traffic, Workload } from '../../../src/api/release.ts';
import { validateRelease } from '../../../src/api/validate.ts';
import { routerOf } from '../../../src/traffic/registry.ts';
import { workloadAdapterOf } from '../../../src/workloads/registry.ts';

const PARTS = {
  workload: { pair: { members: ['a', 'b'] }, deployment: { name: 'a' } },
  strategy: {
    canary: { stepWeights: [5] },
    blueGreen: {},
    abTest: { match: { headers: { group: { exact: 'b' } } }, duration: '2h' },
    rollingUpdate: { pauses: ['25%'] },
    recreate: {},
  },
  traffic: { istio: { virtualService: { name: 'web' } }, service: { name: 'web' } },
};

/** A spec that names exactly this combination; parts that do not exist yet are empty objects. */
function specOf(workload: string, strategy: string, router: string): unknown {
  return {
    workload: { [workload]: fieldsAt(PARTS.workload, workload) },
    strategy: { [strategy]: fieldsAt(PARTS.strategy, strategy) },
    ...(router === 'none' ? {} : { traffic: { [router]: fieldsAt(PARTS.traffic, router) } }),
  };
}

describe('workload × strategy × router', () => {
  test('the schemas have exactly the fields that work today', () => {
    const fieldsOf = (schema: unknown): readonly string[] => Object.keys(fieldsAt(schema, 'properties'));
    expect(fieldsOf(Workload)).toEqual(TODAY.workloads);
    expect(fieldsOf(Strategy)).toEqual(TODAY.strategies);
    expect(fieldsOf(Traffic)).toEqual(TODAY.routers);
  });

  test('every field that works today works with something', () => {
    const works = combinationTable().filter(({ combination }) => combination.kind === 'works');
    const steered = TODAY.workloads.filter((workload) => !ownsSteps(workload));
    for (const workload of steered) expect(works.map((row) => row.workload)).toContain(workload);
    for (const strategy of TODAY.strategies) expect(works.map((row) => row.strategy)).toContain(strategy);
    for (const router of TODAY.routers) expect(works.map((row) => row.router)).toContain(router);
  });

  test.each(combinationTable())(
    '$workload, $strategy, $router: $combination.kind',
    ({ workload, strategy, router, combination }) => {
      const spec = specOf(workload, strategy, router);
      const findings = validateRelease(spec);
      if (combination.kind === 'works') {
        expect(findings).toEqual([]);
        // What validates has adapters.
        expect(workloadAdapterOf(spec as never)).toHaveProperty('read');
        expect(routerOf(spec as never)).toHaveProperty('read');
        return;
      }
      const says = combination.kind === 'never' ? combination.because : 'is not built yet. Write workload pair';
      expect(findings.map(({ message }) => message)).toEqual([expect.stringContaining(says)]);
    },
  );

  test.each(OWN_STEPS_WORKLOADS)('%s works alone, where it is built', (workload) => {
    const findings = validateRelease({ workload: { [workload]: { name: 'web' } } });
    const isBuilt = TODAY.workloads.some((name) => name === workload);
    expect(findings.map(({ message }) => message)).toEqual(isBuilt ? [] : [expect.stringContaining('not built yet')]);
    if (isBuilt)
      expect(workloadAdapterOf({ workload: { [workload]: { name: 'web' } } } as never)).toHaveProperty('read');
  });
});

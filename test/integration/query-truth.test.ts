/**
 * Every query of the library on series as its source really writes them, in one Prometheus with a past: what it counts must be what
 * happened. Known from the calls themselves, interval by interval and side by side; what cannot be known is skipped, never guessed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MetricQuerySpec } from '../../src/api/metric-query.ts';
import { libraryFolder, type LibraryQuery, readLibrary } from '../../src/cli/query/library.ts';
import type { Observation, ProportionCounts } from '../../src/judge/observation.ts';
import { createPrometheusSource } from '../../src/metrics/prometheus.ts';
import type { MetricSource } from '../../src/metrics/port.ts';
import { applications } from '../support/series/applications.ts';
import { type Backfilled, startBackfilled } from '../support/series/backfill.ts';
import { expose } from '../support/series/exposition.ts';
import { gateways } from '../support/series/gateways.ts';
import { meshes } from '../support/series/meshes.ts';
import { observeStory } from '../support/series/observe.ts';
import { relabellingsFor } from '../support/series/relabel.ts';
import { INTERVAL_MS, SCENARIOS, type Scenario, type Story, tellStory, truthOf } from '../support/series/scenario.ts';
import { LEVELS, type Shape } from '../support/series/shape.ts';
import { describeWith } from '../support/tools.ts';

const SHAPES = [...meshes, ...gateways, ...applications];
const library = readLibrary(libraryFolder());
const never = new AbortController().signal;
/** On the hour's minute, so that all intervals begin at whole half minutes. */
const startMs = Math.floor((Date.now() - 1_800_000) / 60_000) * 60_000;

const namespaceOf = (shape: Shape): string => `shop${SHAPES.indexOf(shape)}`;
const storyOf = (shape: Shape, scenario: Scenario): Story => tellStory(scenario, shape, namespaceOf(shape), startMs);

function queryNamed(name: string): LibraryQuery {
  const found = library.find((query) => query.name === name);
  if (found === undefined) throw new Error(`no query ${name}`);
  return found;
}

test('every query has series to be tested on', () => {
  const tested = SHAPES.flatMap(({ queries }) => queries);
  expect(library.map(({ name }) => name).toSorted()).toEqual(tested.toSorted());
});

function* series(): Generator<string> {
  for (const shape of SHAPES) {
    const { needs } = queryNamed(shape.queries[0] ?? '');
    for (const scenario of SCENARIOS) {
      const story = storyOf(shape, scenario);
      yield expose(shape, story, relabellingsFor(needs, story));
    }
  }
}

describeWith(['prometheus', 'promtool'], 'queries count what happened', () => {
  let prometheus: Backfilled;
  let source: MetricSource;

  beforeAll(async () => {
    prometheus = await startBackfilled(series());
    source = createPrometheusSource({ url: prometheus.url, timeoutMs: 30_000 });
  });
  afterAll(() => prometheus?.close());

  describe.each(SHAPES.flatMap((shape) => shape.queries.map((name) => ({ name, shape }))))(
    '$name',
    ({ name, shape }) => {
      test.each(SCENARIOS)('$name: $title', async (scenario) => {
        const { spec } = queryNamed(name);
        const story = storyOf(shape, scenario);
        const observations = await observeStory(source, spec, story, never);
        expect(observations.map(({ endMs }) => endMs)).toEqual(story.ends);
        const skipped = observations.filter(({ kind }) => kind === 'skipped').map(({ endMs }) => endMs);
        // A gauge without a series is no zero.
        const isAbsent = spec.gauge !== undefined && !scenario.canaryCalls;
        expect(skipped.every((endMs) => isAbsent || story.surprises.has(endMs))).toBe(true);
        for (const observation of observations) expectTruth(spec, story, observation);
        if (!scenario.canaryCalls || spec.gauge !== undefined) return;
        expect(callsIn(observations, 'canary')).toBeGreaterThan(30);
        expect(callsIn(observations, 'stable')).toBeGreaterThan(60);
      });
    },
  );
});

function expectTruth(spec: MetricQuerySpec, story: Story, observation: Observation): void {
  if (observation.kind === 'skipped') return;
  if (observation.kind === 'gauge') {
    expect(observation.means).toEqual(LEVELS);
    return;
  }
  const truth = truthOf(story, observation.endMs);
  const check = (counts: ProportionCounts, bad: (arm: 'stable' | 'canary') => number): void => {
    for (const arm of ['stable', 'canary'] as const) {
      expect({ arm, ...counts[arm] }).toEqual({ arm, total: truth[arm].total, bad: bad(arm) });
    }
    // The noise of pods is known where the source knows pods, and adds up to their side.
    const pods = counts.stablePods.reduce((sum, { total }) => sum + total, 0);
    expect(pods).toBe(spec.labels.pod === undefined ? 0 : truth.stable.total);
  };
  if (observation.kind === 'proportion' && spec.rate !== undefined) {
    // Events over the seconds that pods ran.
    for (const arm of ['stable', 'canary'] as const) {
      expect({ arm, events: observation.counts[arm].bad }).toEqual({ arm, events: truth[arm].total });
      expect((observation.counts[arm].total * 1000) % INTERVAL_MS).toBe(0);
    }
    return;
  }
  if (observation.kind === 'proportion') check(observation.counts, (arm) => truth[arm].bad);
  if (observation.kind !== 'histogram') return;
  expect(observation.boundaries.length).toBeGreaterThan(2);
  for (const { boundaryMs, counts } of observation.boundaries) {
    check(counts, (arm) => truth[arm].slower(boundaryMs));
  }
}

function callsIn(observations: readonly Observation[], arm: 'stable' | 'canary'): number {
  return observations.reduce((sum, observation) => {
    if (observation.kind === 'proportion') return sum + observation.counts[arm].total;
    return sum + (observation.kind === 'histogram' ? (observation.boundaries[0]?.counts[arm].total ?? 0) : 0);
  }, 0);
}

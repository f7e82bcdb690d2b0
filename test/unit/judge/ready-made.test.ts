/** The ready-made templates, judged on simulated versions: a good one passes, a bad one fails on the metric that is bad. */
import { describe, expect, test } from 'vitest';
import type { AnalysisRunSpec, ResolvedMetric } from '../../../src/api/analysis-run.ts';
import { observe, openEvidence } from '../../../src/judge/evidence.ts';
import { judgeStep } from '../../../src/judge/judge-step.ts';
import type { Observation, ProportionCounts } from '../../../src/judge/observation.ts';
import type { StepVerdict } from '../../../src/judge/verdict.ts';
import { isCompared, labRun, libraryFiles, libraryTemplate } from '../../support/library.ts';
import { type SeededRandom, seeded } from '../../support/random.ts';
import { INTERVAL_MS, proportionOf, START_MS } from './traffic.ts';

const WEIGHT = 25;
/** An hour: gauges are judged in blocks of minutes. */
const INTERVALS = 360;
const REQUESTS = 4000;

/** Templates without a required metric say that they stand beside another one. */
function runOf(name: string): AnalysisRunSpec {
  const isAlone = (libraryTemplate(name).metrics ?? []).some(({ required }) => required !== false);
  const names = isAlone ? [name] : [name, 'success-and-latency'];
  return labRun({
    startedAtMs: START_MS,
    gridMs: INTERVAL_MS,
    analysis: { templates: names.map((each) => ({ name: each, clusterScope: true })), args: [] },
  });
}

/** Stable's shares and what a bad canary makes of them. */
function sharesOf({ query, direction }: ResolvedMetric): { readonly healthy: number; readonly bad: number } {
  if (direction === 'lower') return { healthy: 0.2, bad: 0.05 };
  if (query.rate !== undefined) return { healthy: 0, bad: 0.05 };
  return { healthy: 0.002, bad: 0.3 };
}

function observationOf(random: SeededRandom, metric: ResolvedMetric, endMs: number, isBad: boolean): Observation {
  const { query, sloMs } = metric;
  const counts = (healthy: number, bad: number, requests = REQUESTS): ProportionCounts =>
    proportionOf(random, {
      requestsPerInterval: requests,
      weight: WEIGHT,
      stableErrors: healthy,
      canaryErrors: isBad ? bad : healthy,
    });
  if (query.gauge !== undefined) {
    const noise = (): number => Math.exp(0.02 * random.normal());
    const means = { stable: 100 * noise(), canary: (isBad ? 250 : 100) * noise() };
    return { kind: 'gauge', endMs, canaryPods: 2, means };
  }
  if (query.histogram !== undefined) {
    const slo = sloMs ?? 250;
    const boundaries = [
      [slo / 5, 0.4],
      [slo, 0.02],
      [slo * 4, 0.001],
    ] as const;
    return {
      kind: 'histogram',
      endMs,
      canaryPods: 2,
      boundaries: boundaries.map(([boundaryMs, share]) => ({
        boundaryMs,
        counts: counts(share, Math.min(0.9, 10 * share)),
      })),
    };
  }
  const { healthy, bad } = sharesOf(metric);
  // Without `per`: events over the seconds that a few pods ran.
  const isPerSecond = query.rate !== undefined && query.rate.per === undefined;
  return {
    kind: 'proportion',
    endMs,
    canaryPods: 2,
    counts: counts(healthy, bad, isPerSecond ? 80 : REQUESTS),
  };
}

/** The verdict that is waited for when it comes, or the last one. */
function judge(spec: AnalysisRunSpec, badMetric: string | undefined): StepVerdict {
  const random = seeded(11);
  const all = (endMs: number, isHistory: boolean): ReadonlyMap<string, Observation> =>
    new Map(
      spec.metrics.map((metric) => [
        metric.name,
        observationOf(random, metric, endMs, !isHistory && metric.name === badMetric),
      ]),
    );
  const history = Array.from({ length: 90 }, (_, n) => all(START_MS - (89 - n) * INTERVAL_MS, true));
  let evidence = openEvidence(
    spec,
    new Map(spec.metrics.map(({ name }) => [name, history.flatMap((each) => each.get(name) ?? [])])),
  );
  const ask = (nowMs: number): StepVerdict =>
    judgeStep(evidence, spec, { revision: 'abc', attempt: 1, step: 1, weight: WEIGHT, sinceMs: START_MS, nowMs });
  for (let n = 1; n <= INTERVALS; n++) {
    const endMs = START_MS + n * INTERVAL_MS;
    evidence = observe(evidence, { endMs, weight: WEIGHT, step: 1, observations: all(endMs, false) });
    const verdict = ask(endMs + 1000);
    // A metric that no step waits for may find out after the others have passed.
    if (verdict.outcome === (badMetric === undefined ? 'Pass' : 'Fail')) return verdict;
  }
  return ask(START_MS + INTERVALS * INTERVAL_MS + 1000);
}

const templates = libraryFiles('analyses').flatMap(({ object }) => (isCompared(object) ? [object.metadata.name] : []));

describe.each(templates)('%s', (name) => {
  const spec = runOf(name);

  test('passes a version that is as good as stable', () => {
    expect(judge(spec, undefined)).toMatchObject({ outcome: 'Pass' });
  });

  test.each(spec.metrics)('stops a version whose $name is bad', ({ name: metric, query }) => {
    // A gauge by itself holds a release and never aborts it.
    const outcome = query.gauge === undefined ? 'Fail' : 'Inconclusive';
    expect(judge(spec, metric)).toMatchObject({ outcome, metric });
  });
});

/** What the rule costs. */
import type { AnalysisRunSpec } from '../../../api/analysis-run.ts';
import { serialiseEvidence } from '../../../judge/checkpoint.ts';
import { addInterval, openComparison } from '../../../judge/comparison.ts';
import { observe, openEvidence } from '../../../judge/evidence.ts';
import type { Observation, ProportionCounts } from '../../../judge/observation.ts';
import type { ArmCounts } from '../../../stats/counts.ts';
import { dispersionOf, learnPods, learnResidual, openDispersion } from '../../../stats/dispersion.ts';
import { openWager, play } from '../../../stats/wager.ts';
import { Random } from '../random.ts';
import { countsAt } from '../rules.ts';
import { ramp } from '../scenarios.ts';
import type { Table } from '../table.ts';
import { type Stream, drawStream } from '../traffic.ts';
import type { Effort, Section } from './section.ts';

/** What a poll costs, and how large the evidence of a run is. Nothing is simulated: it is measured in the calling thread. */
export const speed: Section = { jobs: () => [], tables: (effort) => [cost(effort), size(effort)] };

function cost(effort: Effort): Table {
  const stream = drawStream({ rps: 300, p: 0.01, weightAt: ramp }, new Random(effort.seed));
  const n = stream.intervals;
  const all = Array.from({ length: n }, (_, i) => countsAt(stream, stream.history + i));
  const arms = all.map(armsOf);
  const wager = openWager();
  const table = {
    theta0: 1.1,
    delta: 0,
    dispersion: 1.4,
    cap: 1.8,
    horizon: 360,
    earlierBad: 900,
    earlierTotal: 90_000,
  };
  const dispersion = openDispersion();
  const comparison = openComparison({ share: 1, mustPass: true }, all);
  const terms = {
    fail: { ratio: 1.1, difference: 0 },
    pass: { ratio: 1.5, difference: 0.0005 },
    threshold: 36,
    horizon: 360,
  };
  const bet = (i: number, phi: number): void => {
    play(wager, arms[i % n] as ArmCounts, { ...table, dispersion: phi, index: i % n, weight: 10 });
  };
  const learn = (i: number): void => {
    learnPods(dispersion, all[i % n]?.stablePods ?? []);
    learnResidual(dispersion, arms[i % n] as ArmCounts, arms[0] as ArmCounts, true);
  };
  const parts: readonly (readonly [name: string, one: (i: number) => void])[] = [
    ['e-process of the fail side', (i) => bet(i, 1.4)],
    [
      'with the dispersion of 10 pods',
      (i) => {
        bet(i, dispersionOf(dispersion, true).phi);
        learn(i);
      },
    ],
    [
      'with pass side and estimate: all of a metric',
      (i) => addInterval(comparison, all[i % n] as ProportionCounts, 2, { ...terms, index: i % n, weight: 10 }),
    ],
  ];
  return {
    title: 'Cost of a poll and metric, one core, µs',
    head: ['part', 'µs'],
    rows: parts.map(([name, one]) => [name, time(one)]),
    note: 'The best of a hundred short rounds, on the machine that printed this page.',
  };
}

/** Six metrics of ten stable pods, after an hour of a ramp; one of them a histogram. */
function size(effort: Effort): Table {
  const names = ['errors', 'timeouts', 'retries', 'logins', 'payments', 'searches'];
  const spec = runSpec(names);
  let evidence = openEvidence(spec, new Map());
  const streams = names.map((_, m) => drawStream({ rps: 300, p: 0.01, weightAt: ramp }, new Random(effort.seed, m)));
  for (let at = 0; at < 360; at++) {
    const endMs = Date.parse(spec.startedAt) + (at + 1) * 10_000;
    const observations = new Map(
      names.map((name, m): [string, Observation] => {
        const stream = streams[m] as Stream; // one for each name
        return [name, { kind: 'proportion', endMs, canaryPods: 2, counts: countsAt(stream, stream.history + at) }];
      }),
    );
    evidence = observe(evidence, { endMs, weight: ramp(at), step: Math.floor(at / 90), observations });
  }
  const bytes = serialiseEvidence(evidence).length;
  return {
    title: 'State',
    head: ['what is kept', 'bytes'],
    rows: [
      ['a run with six metrics after an hour', String(bytes)],
      ['each metric', String(Math.round(bytes / names.length))],
    ],
  };
}

function runSpec(names: readonly string[]): AnalysisRunSpec {
  return {
    release: { name: 'web', uid: 'uid' },
    revision: 'r',
    attempt: 1,
    arms: { stable: { workload: 'a' }, canary: { workload: 'b' } },
    metrics: names.map((name) => ({
      name,
      critical: false,
      share: 1 / names.length,
      query: { summary: '', labels: {} },
      fail: { ratio: 1.1, difference: 0 },
      pass: { ratio: 1.5, difference: 0.0005 },
    })),
    rule: {
      preset: 'recommended',
      falseAbort: 1 / 36,
      falsePass: 0.05,
      intervalMs: 10_000,
      warmUpMs: 0,
      dwellMs: 0,
      atMostMs: 900_000,
      minRequests: 200,
      historyMs: 0,
      horizonMs: 3_600_000,
    },
    startedAt: '2027-01-15T08:00:00Z',
  };
}

function armsOf({ canary, stable }: ProportionCounts): ArmCounts {
  return {
    canaryBad: canary.bad,
    canaryTotal: canary.total,
    stableBad: stable.bad,
    stableTotal: stable.total,
  };
}

function time(one: (i: number) => void): string {
  const count = 3600;
  const rounds = Array.from({ length: 120 }, () => {
    const started = performance.now();
    for (let i = 0; i < count; i++) one(i);
    return ((performance.now() - started) * 1000) / count;
  });
  return Math.min(...rounds.slice(20)).toFixed(2);
}

/**
 * From a pod's counters through a real Prometheus to observations: nothing is lost and nothing invented. The exporter counts every
 * event; scrapes fail, come late, pods die, restart and appear; Prometheus itself is killed. Polls come exactly at the grid.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AnalysisRunSpec } from '../../src/api/analysis-run.ts';
import { askAll, lookbackMs } from '../../src/metrics/asking.ts';
import { lateMetrics, type Measured, observeRun, readRun } from '../../src/metrics/observing.ts';
import type { Receipts } from '../../src/metrics/late.ts';
import { openEvidence, type RunEvidence } from '../../src/judge/evidence.ts';
import { readInterval } from '../../src/metrics/intervals.ts';
import type { PodLedger } from '../../src/metrics/ledger.ts';
import { createPrometheusSource } from '../../src/metrics/prometheus.ts';
import type { MetricSource } from '../../src/metrics/port.ts';
import type { Way } from '../../src/metrics/ways.ts';
import { labRun, libraryQuery } from '../support/library.ts';
import { type ExporterLab, type PrometheusLab, startExporter, startPrometheus, until } from '../support/prometheus.ts';
import { seeded } from '../support/random.ts';
import { describeWith } from '../support/tools.ts';
import { type ArmTruth, TrafficLab, TrafficPod } from '../support/traffic-lab.ts';

const WAYS = ['samples', 'sums'] as const satisfies readonly Way[];
const GRID_MS = 1000;
const SCRAPE_MS = 400;
const never = new AbortController().signal;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The same counters as callers see them: nobody knows which pod answered. */
const { pod: _, ...labels } = libraryQuery('istio-requests').labels;
const withoutPod = { ...libraryQuery('istio-requests'), labels };

/** One release that is followed; both arms have the same kind of fault. */
class Followed {
  readonly spec: AnalysisRunSpec;
  readonly measured: Measured[] = [];
  evidence: RunEvidence;
  receipts: Receipts = {};
  lateScrapes = 0;
  hidden: ReadonlySet<string> = new Set();
  readonly way: Way;
  readonly #lab: TrafficLab;

  constructor(lab: TrafficLab, name: string, startedAtMs: number, way: Way) {
    this.#lab = lab;
    this.way = way;
    const [stable, canary] = [`${name}-v1`, `${name}-v2`];
    this.spec = labRun({ name, stable, canary, startedAtMs, gridMs: GRID_MS, analysis: { warmUp: '0s' } });
    this.evidence = openEvidence(this.spec, new Map());
  }

  get ledger(): PodLedger {
    const workloads = new Set([this.spec.arms.stable.workload, this.spec.arms.canary.workload]);
    return [...this.#lab.pods.values()]
      .filter((pod) => workloads.has(pod.workload) && !this.hidden.has(pod.name))
      .map((pod) => pod.ledgerPod);
  }

  get pods(): Parameters<typeof readRun>[1] {
    return { namespace: 'shop', arms: this.spec.arms, ledger: this.ledger, warmUpMs: 0 };
  }

  seen(arm: 'stable' | 'canary'): ArmTruth {
    const sum = { total: 0, bad: 0, slow: 0 };
    for (const { observations } of this.measured) {
      const errors = observations.get('errors');
      if (errors?.kind === 'proportion') {
        sum.total += errors.counts[arm].total;
        sum.bad += errors.counts[arm].bad;
      }
      const latency = observations.get('latency');
      if (latency?.kind === 'histogram') {
        sum.slow += latency.boundaries.find(({ boundaryMs }) => boundaryMs === 100)?.counts[arm].bad ?? 0;
      }
    }
    return sum;
  }

  skipped(metric = 'errors'): readonly string[] {
    return this.measured.flatMap(({ observations }) => {
      const observation = observations.get(metric);
      return observation?.kind === 'skipped' ? [observation.reason] : [];
    });
  }
}

/** One poll for all of them, each in its way. */
async function pollAll(source: MetricSource, runs: readonly Followed[], instantMs: number): Promise<void> {
  const asked = WAYS.map((way) => ({ way, of: runs.filter((run) => run.way === way) })).filter(
    ({ of }) => of.length > 0,
  );
  await Promise.all(asked.map(({ way, of }) => poll(source, of, instantMs, way)));
}

/** One poll, as the poll job does it. */
async function poll(source: MetricSource, runs: readonly Followed[], instantMs: number, way: Way): Promise<number> {
  const span = { intervalMs: GRID_MS, lookbackMs: lookbackMs(GRID_MS) };
  const questionsOf = (run: Followed, firstMs: number, lastMs: number) =>
    run.spec.metrics.map(({ query }) => ({
      query,
      intervalMs: GRID_MS,
      firstMs,
      lastMs,
      workloads: [run.spec.arms.stable, run.spec.arms.canary].map(({ workload }) => ({ namespace: 'shop', workload })),
    }));
  const firstOf = (run: Followed): number => (run.evidence.endMs === 0 ? instantMs : run.evidence.endMs + GRID_MS);
  const asked = await askAll(
    source,
    runs.flatMap((run) => questionsOf(run, firstOf(run), instantMs)),
    2,
    never,
    { way },
  );
  const read = runs.flatMap((run) => {
    const questions = questionsOf(run, firstOf(run), instantMs);
    const answers = questions.map((question) => asked.answer(question));
    if (!answers.every(({ kind }) => kind === 'rows')) return [];
    const ends: number[] = [];
    for (let endMs = firstOf(run); endMs <= instantMs; endMs += GRID_MS) ends.push(endMs);
    const readings = readRun(run.spec, run.pods, ends, span, (name, endMs) => {
      const answer = answers[run.spec.metrics.findIndex((metric) => metric.name === name)];
      return answer?.kind === 'rows' ? answer.byEnd.get(endMs) : 'failed';
    });
    return [{ run, readings, late: lateMetrics(readings, run.receipts, GRID_MS) }];
  });
  const lateOnes = read.filter(({ late }) => late.length > 0).map(({ run }) => run);
  const again = await askAll(
    source,
    lateOnes.flatMap((run) => questionsOf(run, run.evidence.endMs, run.evidence.endMs)),
    2,
    never,
    { way },
  );
  const weights = [{ since: new Date(0).toISOString(), weight: 50, step: 1 }];
  for (const { run, readings } of read) {
    const endMs = run.evidence.endMs;
    const observed = observeRun(run.spec, run, readings, weights, (name) => {
      const index = run.spec.metrics.findIndex((metric) => metric.name === name);
      const question = questionsOf(run, endMs, endMs)[index];
      const answer = question === undefined ? undefined : again.answer(question);
      const query = run.spec.metrics[index]?.query;
      if (answer?.kind !== 'rows' || query === undefined) return undefined;
      return readInterval(query, answer.byEnd.get(endMs), run.pods, { ...span, endMs });
    });
    run.evidence = observed.evidence;
    run.receipts = observed.receipts;
    run.lateScrapes += observed.lateScrapes;
    run.measured.push(...observed.measured);
  }
  return asked.queries;
}

describeWith(['prometheus'], 'counters of pods become observations without losing or inventing events', () => {
  let exporter: ExporterLab;
  let prometheus: PrometheusLab;
  let source: MetricSource;
  let lab: TrafficLab;

  beforeEach(async () => {
    exporter = await startExporter();
    prometheus = await startPrometheus(exporter, SCRAPE_MS);
    source = createPrometheusSource({ url: prometheus.url, timeoutMs: 3000 });
    const random = seeded(7);
    lab = new TrafficLab(exporter, () => random.next());
  });
  afterEach(async () => {
    lab?.stop();
    await prometheus?.close();
    await exporter?.close();
  });

  const addPair = (name: string, errorRate = 0.1): { stable: TrafficPod[]; canary: TrafficPod } => ({
    stable: [1, 2].map((n) => lab.add(new TrafficPod(`${name}-v1-6f7d-aaaa${n}`, `${name}-v1`, 'stable', errorRate))),
    canary: lab.add(new TrafficPod(`${name}-v2-59c4-bbbb1`, `${name}-v2`, 'canary', errorRate)),
  });
  const rescrape = (): Promise<void> => prometheus.scrape([...lab.pods.keys()]);
  /** Discovery takes its time; what is not scraped yet cannot be missed. */
  const scraped = (): Promise<void> => {
    const alive = [...lab.pods.values()].filter(({ endedAtMs }) => endedAtMs === undefined).length;
    const isUp = async (): Promise<boolean> =>
      (await source.instant('up == 1', Date.now(), never)).series.length >= alive;
    return until(isUp, 20_000, 'all pods to be scraped');
  };
  const followedFromNow = (name: string, way: Way = 'samples'): Followed => new Followed(lab, name, Date.now(), way);
  /** The same events, asked for in both ways. */
  const followedInBothWays = (names: readonly string[]): readonly Followed[] =>
    WAYS.flatMap((way) => names.map((name) => followedFromNow(name, way)));
  const nextInstant = async (): Promise<number> => {
    const instantMs = Math.ceil((Date.now() + 1) / GRID_MS) * GRID_MS;
    await sleep(instantMs - Date.now());
    return instantMs;
  };

  /** Polls until traffic and scrapes have come to rest, so that truth and observation speak of the same events. */
  const settleAll = async (
    runs: readonly Followed[],
    eachPoll?: (k: number) => Promise<void> | void,
    polls = 12,
  ): Promise<void> => {
    for (let k = 0; k < polls; k++) {
      await eachPoll?.(k);
      if (k === polls - 3) lab.stop();
      await pollAll(source, runs, await nextInstant());
    }
  };

  // A restart right after a scrape that Prometheus itself gave up on loses what that scrape carried (a known limit); on a machine
  // with more work than cores that happens now and then, so this one case may be tried again.
  test('exactly, as samples and as sums, through missed scrapes, restarts, churn, first errors and scrapes that come late', {
    retry: 2,
  }, async () => {
    const names = ['steady', 'missed', 'restarted', 'churned', 'errors', 'late'];
    const pairs = Object.fromEntries(names.map((name) => [name, addPair(name, name === 'errors' ? 0 : 0.1)]));
    exporter.delayMs = 120;
    await rescrape();
    const runs = followedInBothWays(names);
    await scraped();
    await pollAll(source, runs, await nextInstant());
    lab.start();
    await settleAll(
      runs,
      async (k) => {
        const all = (name: string): TrafficPod[] => {
          const pair = pairs[name] as (typeof pairs)[string];
          return [...pair.stable, pair.canary];
        };
        for (const pod of all('missed')) pod.isFailing = k === 3 || k === 4 || k === 6;
        if (k === 5) for (const pod of all('restarted')) pod.restart();
        if (k === 9) pairs['restarted']?.canary.restart();
        if (k === 4) for (const pod of all('errors')) pod.errorRate = 0.2;
        if (k === 5) {
          pairs['churned']?.canary.end();
          pairs['churned']?.stable[0]?.end();
          lab.add(new TrafficPod('churned-v2-59c4-cccc1', 'churned-v2', 'canary', 0.1));
          lab.add(new TrafficPod('churned-v1-6f7d-cccc1', 'churned-v1', 'stable', 0.1));
          await rescrape();
        }
      },
      14,
    );
    for (const run of runs) {
      const { way } = run;
      const name = run.spec.release.name;
      const seen = (['canary', 'stable'] as const).map((arm) => ({ name, way, arm, ...run.seen(arm) }));
      expect(seen).toEqual([
        { name, way, arm: 'canary', ...lab.truth(`${name}-v2`) },
        { name, way, arm: 'stable', ...lab.truth(`${name}-v1`) },
      ]);
      expect(run.seen('canary').total).toBeGreaterThan(100);
    }
    // Polls at the very instant of the grid meet scrapes that are under way.
    expect(runs.reduce((sum, run) => sum + run.lateScrapes, 0)).toBeGreaterThan(0);
  });

  test('never more than there was, and by name, where nothing explains a jump, as samples and as sums', async () => {
    const names = ['secret', 'relabelled', 'unknown', 'nan'] as const;
    const pairs = {
      secret: addPair('secret'),
      relabelled: addPair('relabelled'),
      unknown: addPair('unknown'),
      nan: addPair('nan'),
    };
    exporter.delayMs = 0;
    await rescrape();
    await scraped();
    const runs = followedInBothWays(names);
    const of = (name: (typeof names)[number]): readonly Followed[] =>
      runs.filter(({ spec }) => spec.release.name === name);
    lab.start();
    await settleAll(
      runs,
      async (k) => {
        if (k === 4) {
          pairs.secret.canary.restart();
          pairs.secret.canary.restartedAtMs = undefined; // nobody noticed
          for (const pod of pairs.relabelled.stable) pod.relabelled = ',zone="b"';
          const stranger = lab.add(new TrafficPod('unknown-v2-zzzz-cccc1', 'unknown-v2', 'canary', 0.5));
          for (const run of of('unknown')) run.hidden = new Set([stranger.name]);
          pairs.nan.canary.isBroken = true;
          await rescrape();
        }
      },
      12,
    );
    for (const run of runs) {
      const name = run.spec.release.name;
      for (const [arm, workload] of [
        ['stable', `${name}-v1`],
        ['canary', `${name}-v2`],
      ] as const) {
        const [seen, truth] = [run.seen(arm), lab.truth(workload)];
        expect(seen.total, `${name} ${arm} ${run.way}`).toBeLessThanOrEqual(truth.total);
        expect(seen.bad, `${name} ${arm} ${run.way}`).toBeLessThanOrEqual(truth.bad);
        expect(seen.slow, `${name} ${arm} ${run.way}`).toBeLessThanOrEqual(truth.slow);
      }
    }
    for (const secret of of('secret')) {
      expect(secret.skipped()).toContain('ImplausibleCounter');
      expect(secret.seen('canary').total).toBeGreaterThan(0);
    }
    for (const relabelled of of('relabelled')) expect(relabelled.skipped()).toContain('ImplausibleCounter');
    for (const unknown of of('unknown')) expect(unknown.skipped()).toContain('UnknownPod');
    for (const nan of of('nan')) {
      expect(nan.skipped()).toContain('NoData');
      // Its latency series are sound.
      expect(nan.skipped('latency').length).toBeLessThan(nan.skipped('errors').length / 2);
    }
  });

  test('a killed Prometheus leaves a gap that is re-read, and the events of the gap fall into the first interval after it', async () => {
    addPair('outage');
    await rescrape();
    await scraped();
    const run = followedFromNow('outage');
    lab.start();
    await settleAll(
      [run],
      async (k) => {
        if (k === 3) await prometheus.kill();
        if (k === 6) await prometheus.start();
      },
      14,
    );
    expect(run.seen('canary')).toEqual(lab.truth('outage-v2'));
    expect(run.seen('stable')).toEqual(lab.truth('outage-v1'));
    expect(run.skipped()).toContain('NoData');
    const ends = run.measured.map(({ endMs }) => endMs);
    expect(ends).toEqual(ends.map((_, k) => (ends[0] as number) + k * GRID_MS));
  });

  test.each([
    { way: 'samples', queries: 3 },
    { way: 'sums', queries: 2 },
  ] as const)('as $way asks the same $queries queries for a few releases as for one', async ({ way, queries }) => {
    const runs = ['steady', 'missed', 'restarted'].map((name) => followedFromNow(name, way));
    expect(await poll(source, runs, await nextInstant(), way)).toBe(queries);
    expect(await poll(source, runs.slice(0, 1), await nextInstant(), way)).toBe(queries);
  });

  test('samples and sums are the same rows, part by part, through everything that can happen to a counter', async () => {
    const pairs = { one: addPair('one'), two: addPair('two') };
    await rescrape();
    await scraped();
    lab.start();
    const fromMs = await nextInstant();
    for (let k = 0; k < 10; k++) {
      if (k === 2) pairs.one.canary.isFailing = true;
      if (k === 3) pairs.one.canary.isFailing = false;
      if (k === 4) for (const pod of [pairs.one.stable[0], pairs.two.canary]) pod?.restart();
      if (k === 5) pairs.two.canary.end();
      if (k === 6) for (const pod of pairs.two.stable) pod.relabelled = ',zone="b"';
      if (k === 7) pairs.one.canary.isBroken = true;
      if (k === 5) lab.add(new TrafficPod('two-v2-59c4-cccc1', 'two-v2', 'canary', 0.1));
      if (k === 5) await rescrape();
      await nextInstant();
    }
    lab.stop();
    const lastMs = await nextInstant();
    await sleep(2 * SCRAPE_MS); // so that both see the same samples
    const workloads = ['one', 'two'].flatMap((name) =>
      ['v1', 'v2'].map((version) => ({ namespace: 'shop', workload: `${name}-${version}` })),
    );
    const parts = new Set<string>();
    for (let endMs = fromMs; endMs <= lastMs - GRID_MS; endMs += GRID_MS) {
      const queries = [...followedFromNow('one').spec.metrics.map(({ query }) => query), withoutPod];
      for (const [index, query] of queries.entries()) {
        const question = { query, intervalMs: GRID_MS, firstMs: endMs, lastMs: endMs, workloads };
        const [samples, sums] = await Promise.all(
          WAYS.map(async (way) => (await askAll(source, [question], 2, never, { way })).answer(question)),
        );
        expect({ index, endMs, ...samples }).toEqual({ index, endMs, ...sums });
        if (samples?.kind !== 'rows') throw new Error('not answered');
        for (const rows of samples.byEnd.get(endMs)?.values() ?? []) {
          for (const { increments, silent } of rows.pods.values()) {
            for (const [part, columns] of Object.entries(increments)) if (columns.size > 0) parts.add(part);
            if (silent > 0) parts.add('silent');
          }
        }
      }
    }
    expect(parts).toEqual(new Set(['plain', 'reset', 'born', 'strange', 'silent']));
  });
});

/**
 * One test: its series read and judged as the service does it, interval by interval, from the first weight on; what lies before is
 * stable's history. Weights come from the test, not from verdicts: a release that would have been aborted goes on to its end here. Pure.
 */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { AnalysisTemplateSpec } from '../../api/analysis-template.ts';
import { type Fields, isFields } from '../../api/fields.ts';
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import type { AnalysisSpec, Release } from '../../api/release.ts';
import { formatDuration, readDurationMs } from '../../api/units.ts';
import { openEvidence, type RunEvidence } from '../../judge/evidence.ts';
import { judgeStep } from '../../judge/judge-step.ts';
import type { Observation } from '../../judge/observation.ts';
import { resolveRun } from '../../judge/resolve-run.ts';
import type { Outcome, StepVerdict } from '../../judge/verdict.ts';
import { endsBetween, lookbackMs } from '../../metrics/asking.ts';
import type { RunPods } from '../../metrics/intervals.ts';
import type { Receipts } from '../../metrics/late.ts';
import type { PodLedger } from '../../metrics/ledger.ts';
import { observeRun, readRun } from '../../metrics/observing.ts';
import type { Series } from '../../metrics/port.ts';
import type { IntervalRows } from '../../metrics/rows.ts';
import { selectorOf, wholeOf } from '../query/forms.ts';
import { podsOfSeries, type TestSides, unreadSeries } from './pods-of-series.ts';
import { rowsOfSeries } from './rows-of-series.ts';
import { readSeries } from './series.ts';
import type { Expectation, WrittenSide, WrittenTest } from './test-file.ts';

/** Specs by `Kind/name`: the test's own files before Serin's library. */
export type Specs = ReadonlyMap<string, Fields>;

export interface Turn {
  readonly atMs: number;
  readonly outcome: Outcome;
  readonly weight: number;
  readonly metric?: string;
}

export interface Checked {
  readonly expected: Expectation;
  readonly isMet: boolean;
  readonly got: StepVerdict;
}

export type TestResult =
  | {
      readonly kind: 'judged';
      readonly checks: readonly Checked[];
      /** Where the outcome changed; times from the first sample. */
      readonly turns: readonly Turn[];
      /** What a person should look at: series that nothing reads, pods that were left out. */
      readonly notes: readonly string[];
    }
  /** The test itself cannot be run; `path` below `tests[n]`. */
  | { readonly kind: 'broken'; readonly path: readonly (string | number)[]; readonly message: string };

/** Time of the first sample; a whole minute, as polls are. */
const FIRST_MS = Date.UTC(2026, 0, 1);
/** The service's usual grid. */
const GRID_MS = 10_000;
const SIDES = { stable: 'stable', canary: 'canary' } as const;

export function runTest(test: WrittenTest, usualInterval: string, specs: Specs): TestResult {
  const scrapeMs = readDurationMs(test.interval ?? usualInterval) ?? 0;
  if (scrapeMs < 1000)
    return broken(['interval'], 'interval is below 1s. Write how often Prometheus scrapes, e.g. 15s.');
  const weights = readWeights(test);
  if ('message' in weights) return weights;
  const analysis = analysisOf(test, specs);
  if ('message' in analysis) return analysis;
  const series: Series[] = [];
  for (const [index, written] of test.input_series.entries()) {
    const read = readSeries(written, FIRST_MS, scrapeMs);
    if (typeof read === 'string') return broken(['input_series', index], `input_series[${index}]: ${read}`);
    series.push(read);
  }
  const namespace = test.namespace ?? 'default';
  const arms = { stable: armOf(test.stable, SIDES.stable), canary: armOf(test.canary, SIDES.canary) };
  const spec = resolve(test.name, namespace, analysis.spec, arms, specs, weights.list[0]?.fromMs ?? 0);
  if ('reason' in spec)
    return broken(['analysis'], spec.message.replaceAll(`Release ${namespace}/${test.name}: spec.`, ''));
  const asked = (spec.measures ?? []).map(({ name }) => name);
  if (spec.metrics.length === 0) {
    return broken(
      ['analysis'],
      `Only providers are asked here (${asked.join(', ')}), and a test asks none. Test templates that compare.`,
    );
  }
  const intervalMs = spec.rule.intervalMs * Math.max(1, Math.ceil((scrapeMs * 0.98) / spec.rule.intervalMs));
  const run = { ...spec, rule: { ...spec.rule, intervalMs } };
  const sides = { namespace, arms, canaryPods: test.canary?.pods };
  const lastMs = FIRST_MS + Math.max(...test.verdict_test.map(({ eval_time }) => readDurationMs(eval_time) ?? 0));
  const reading = readerOf(run, series, { namespace, lastMs, intervalMs });
  if (typeof reading === 'string') return broken(['input_series'], reading);
  const ledgerAt = podsOfSeries(run.metrics, series, sides, { firstMs: FIRST_MS, scrapeMs });
  const notes = [
    ...unreadNotes(series, run, sides),
    ...(asked.length === 0 ? [] : [`Metrics that ask a provider are left out: ${asked.join(', ')}.`]),
  ];
  const judged = judge(run, weights.list, reading, (atMs) => podsAt(run, namespace, ledgerAt(atMs)), lastMs);
  const checks: Checked[] = [];
  for (const [index, expected] of test.verdict_test.entries()) {
    const atMs = readDurationMs(expected.eval_time) ?? 0;
    const got = judged.findLast(({ atMs: judgedMs }) => judgedMs <= atMs);
    if (got === undefined) {
      return broken(
        ['verdict_test', index, 'eval_time'],
        `verdict_test[${index}].eval_time is ${expected.eval_time}, before the first interval ends (${formatDuration(judged[0]?.atMs ?? 0)}). Ask later.`,
      );
    }
    checks.push({ expected, isMet: isMet(expected, got.verdict), got: got.verdict });
  }
  return { kind: 'judged', checks, turns: turnsOf(judged), notes: [...notes, ...leftOutNotes(judged)] };
}

const isMet = ({ outcome, metric, reason }: Expectation, got: StepVerdict): boolean =>
  got.outcome === outcome &&
  (metric === undefined || got.metric === metric) &&
  (reason === undefined || got.reason === reason);

interface Weights {
  readonly list: readonly { readonly fromMs: number; readonly weight: number }[];
}
type Broken = Extract<TestResult, { kind: 'broken' }>;

function readWeights({ weights }: WrittenTest): Weights | Broken {
  const list = (weights ?? [{ from: '0s', weight: 50 }]).map(({ from, weight }) => ({
    fromMs: readDurationMs(from) ?? 0,
    weight,
  }));
  const wrongAt = list.findIndex(({ fromMs }, index) => fromMs <= (list[index - 1]?.fromMs ?? -1));
  if (wrongAt < 0) return { list };
  return broken(
    ['weights', wrongAt],
    `weights[${wrongAt}].from is not after the one before. Write them in the order of time.`,
  );
}

function analysisOf({ analysis, release }: WrittenTest, specs: Specs): { readonly spec: AnalysisSpec } | Broken {
  if ((analysis === undefined) === (release === undefined)) {
    return broken(
      [],
      'It needs either analysis (as in a Release: templates and settings) or release, the name of one in template_files.',
    );
  }
  if (analysis !== undefined) return { spec: analysis };
  const found = specs.get(`Release/${release ?? ''}`)?.['analysis'];
  if (isFields(found)) return { spec: found as AnalysisSpec }; // resolveRun checks what it uses
  return broken(
    ['release'],
    `release is ${release ?? ''}, and no Release of that name in template_files has spec.analysis. Add its file to template_files.`,
  );
}

const armOf = (side: WrittenSide | undefined, usual: string): AnalysisRunSpec['arms']['stable'] => ({
  workload: side?.workload ?? usual,
  ...(side?.version === undefined ? {} : { version: side.version }),
});

function resolve(
  name: string,
  namespace: string,
  analysis: AnalysisSpec,
  arms: AnalysisRunSpec['arms'],
  specs: Specs,
  fromMs: number,
): ReturnType<typeof resolveRun> {
  const release: Release = {
    apiVersion: 'serin.dev/v1alpha1',
    kind: 'Release',
    metadata: { name, namespace, uid: 'test', resourceVersion: '1', generation: 1 },
    spec: {
      workload: { pair: { members: [arms.stable.workload, arms.canary.workload] } },
      strategy: { canary: {} },
      analysis,
    },
  };
  return resolveRun({
    release,
    revision: 'test',
    attempt: 1,
    arms,
    // What these specs hold is checked by resolveRun.
    template: (wanted, isCluster) =>
      specs.get(`${isCluster ? 'Cluster' : ''}AnalysisTemplate/${wanted}`) as AnalysisTemplateSpec | undefined,
    query: (wanted) => specs.get(`MetricQuery/${wanted}`) as MetricQuerySpec | undefined,
    startedAtMs: FIRST_MS + fromMs,
    gridMs: GRID_MS,
  });
}

type RowsAt = (metric: string, endMs: number) => IntervalRows | undefined;

function readerOf(
  { metrics, arms }: AnalysisRunSpec,
  series: readonly Series[],
  {
    namespace,
    lastMs,
    intervalMs,
  }: { readonly namespace: string; readonly lastMs: number; readonly intervalMs: number },
): RowsAt | string {
  const span = { firstMs: FIRST_MS, lastMs, intervalMs, lookbackMs: lookbackMs(intervalMs) };
  const rows = new Map<string, ReadonlyMap<number, IntervalRows>>();
  for (const { name, query, against } of metrics) {
    const names = [arms.stable.workload, arms.canary.workload, against?.workload].filter(
      (workload) => workload !== undefined,
    );
    const byEnd = rowsOfSeries(
      query,
      series,
      names.map((workload) => ({ namespace, workload })),
      span,
    );
    if (byEnd === undefined)
      return `Metric ${name} reads a native histogram, which cannot be written as series. Test it with classic buckets.`;
    rows.set(name, byEnd);
  }
  return (metric, endMs) => rows.get(metric)?.get(endMs);
}

const podsAt = ({ arms, rule }: AnalysisRunSpec, namespace: string, ledger: PodLedger): RunPods => ({
  namespace,
  arms,
  ledger,
  warmUpMs: rule.warmUpMs,
});

interface Judged {
  readonly atMs: number;
  readonly verdict: StepVerdict;
  readonly leftOut: { readonly unknown: readonly string[]; readonly implausible: readonly string[] };
}

function judge(
  run: AnalysisRunSpec,
  weights: Weights['list'],
  rowsOf: RowsAt,
  podsAtMs: (atMs: number) => RunPods,
  lastMs: number,
): readonly Judged[] {
  const { intervalMs, historyMs } = run.rule;
  const span = { intervalMs, lookbackMs: lookbackMs(intervalMs) };
  const startMs = Math.ceil(Date.parse(run.startedAt) / intervalMs) * intervalMs;
  const plan = weights.map(({ fromMs, weight }, index) => ({
    since: new Date(FIRST_MS + fromMs).toISOString(),
    weight,
    step: index + 1,
  }));
  const historyEnds = endsBetween(Math.max(FIRST_MS, startMs - historyMs), startMs, intervalMs, 1800);
  let evidence: RunEvidence = openEvidence(
    run,
    historyOf(run, readRun(run, podsAtMs(startMs), historyEnds, span, rowsOf)),
  );
  let receipts: Receipts = {};
  const judged: Judged[] = [];
  for (let endMs = startMs + intervalMs; endMs <= lastMs; endMs += intervalMs) {
    const readings = readRun(run, podsAtMs(endMs), [endMs], span, rowsOf);
    const observed = observeRun(run, { evidence, receipts }, readings, plan, () => undefined);
    evidence = observed.evidence;
    receipts = observed.receipts;
    const step = plan.findLast(({ since }) => Date.parse(since) <= endMs - intervalMs) ?? plan[0];
    const question = {
      revision: run.revision,
      attempt: 1,
      step: step?.step ?? 1,
      weight: step?.weight ?? 0,
      sinceMs: Date.parse(step?.since ?? run.startedAt),
      nowMs: endMs,
    };
    judged.push({ atMs: endMs - FIRST_MS, verdict: judgeStep(evidence, run, question), leftOut: observed.leftOut });
  }
  return judged;
}

/** What stable did before, as the judge learns its noise from. */
function historyOf(
  run: AnalysisRunSpec,
  readings: ReturnType<typeof readRun>,
): ReadonlyMap<string, readonly Observation[]> {
  const nothing = { evidence: openEvidence(run, new Map()), receipts: {} };
  const weights = [{ since: new Date(0).toISOString(), weight: 50, step: 1 }];
  const { measured } = observeRun(run, nothing, readings, weights, () => undefined);
  return new Map(
    run.metrics.map(({ name }) => [name, measured.flatMap(({ observations }) => observations.get(name) ?? [])]),
  );
}

function turnsOf(judged: readonly Judged[]): readonly Turn[] {
  return judged.flatMap(({ atMs, verdict }, index) => {
    const before = judged[index - 1]?.verdict;
    if (before?.outcome === verdict.outcome && before.step === verdict.step) return [];
    const { outcome, weight, metric } = verdict;
    return [{ atMs, outcome, weight, ...(metric === undefined ? {} : { metric }) }];
  });
}

function leftOutNotes(judged: readonly Judged[]): readonly string[] {
  const unknown = new Set(judged.flatMap(({ leftOut }) => leftOut.unknown));
  const implausible = new Set(judged.flatMap(({ leftOut }) => leftOut.implausible));
  return [
    ...[...unknown]
      .slice(0, 3)
      .map((pod) => `Pod ${pod} belongs to no side, so intervals with its events are left out.`),
    ...[...implausible]
      .slice(0, 3)
      .map(
        (pod) =>
          `Counters of ${pod} appear with a past, so those intervals are left out. Begin them at 0, or at the first sample.`,
      ),
  ];
}

/** One note for all series of a name: mostly one slip made it. */
function unreadNotes(
  series: readonly Series[],
  { metrics, arms }: AnalysisRunSpec,
  sides: TestSides,
): readonly string[] {
  const byName = Map.groupBy(unreadSeries(metrics, series, sides), ({ labels }) => labels['__name__'] ?? '');
  return [...byName].map(([name, unread]) => {
    const places = unread.slice(0, 3).map((each) => `input_series[${series.indexOf(each)}]`);
    const more = unread.length > 3 ? ` and ${unread.length - 3} more` : '';
    const family = JSON.stringify(name.replace(/_bucket$/, ''));
    const near = metrics.find(({ query }) => JSON.stringify(query).includes(family));
    const wanted = { namespace: sides.namespace, workload: arms.stable.workload };
    const asks =
      near === undefined
        ? `The metrics read ${[...new Set(metrics.map(({ query }) => wholeOf(query).metric))].join(', ')}.`
        : `Metric ${near.name} reads ${selectorOf(near.query, wanted).replace(/_count(?=\{|$)/, near.query.histogram === undefined ? '_count' : '_bucket')}.`;
    return `${places.join(', ')}${more} (${name}): no metric reads this. ${asks}`;
  });
}

function broken(path: readonly (string | number)[], message: string): Broken {
  return { kind: 'broken', path, message };
}

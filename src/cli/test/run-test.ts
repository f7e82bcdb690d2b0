/**
 * One test: its series read and judged as the service does it, interval by interval, from the first weight on; what lies before is
 * stable's history. Weights come from the test, not from verdicts: a release that would have been aborted goes on to its end here. Pure.
 */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { ResolvedMeasure } from '../../api/measure.ts';
import { formatDuration, readDurationMs } from '../../api/units.ts';
import type { MetricResult } from '../../judge/argo/measure.ts';
import { type MeasureVerdict, withMeasures } from '../../judge/argo/outcome.ts';
import { openEvidence, type RunEvidence } from '../../judge/evidence.ts';
import { judgeStep } from '../../judge/judge-step.ts';
import type { Observation } from '../../judge/observation.ts';
import type { Outcome, StepVerdict } from '../../judge/verdict.ts';
import { endsBetween, lookbackMs } from '../../metrics/asking.ts';
import type { RunPods } from '../../metrics/intervals.ts';
import type { Receipts } from '../../metrics/late.ts';
import type { PodLedger } from '../../metrics/ledger.ts';
import { observeRun, readRun } from '../../metrics/observing.ts';
import type { Series } from '../../metrics/port.ts';
import type { IntervalRows } from '../../metrics/rows.ts';
import { type Ask, askMeasures, replayMeasures, type ResultsAt } from './measured.ts';
import { type LeftOut, leftOutNotes, unreadNotes } from './notes.ts';
import { podsOfSeries } from './pods-of-series.ts';
import { rowsOfSeries } from './rows-of-series.ts';
import { readSeries } from './series.ts';
import {
  analysisOf,
  armOf,
  type Broken,
  broken,
  measuredOf,
  readWeights,
  resolve,
  type Specs,
  type Weights,
} from './setting.ts';
import type { Expectation, WrittenTest } from './test-file.ts';

export interface Turn {
  readonly atMs: number;
  readonly outcome: Outcome;
  readonly weight: number;
  readonly metric?: string;
}

export interface Checked {
  readonly expected: Expectation;
  readonly isMet: boolean;
  readonly got: StepVerdict & { readonly measures?: readonly MeasureVerdict[] };
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
  | Broken;

/** Time of the first sample; a whole minute, as polls are. */
const FIRST_MS = Date.UTC(2026, 0, 1);
const SIDES = { stable: 'stable', canary: 'canary' } as const;

/** Evaluates queries on the series of a test, from its first sample to its last verdict. */
export interface Evaluator {
  open(series: readonly Series[]): Promise<{ readonly ask: Ask; close(): Promise<void> }>;
}

/** Queries of the provider `prometheus` have their values from `evaluator`, where there is one, unless the test writes them. */
export async function runTestWith(
  test: WrittenTest,
  usualInterval: string,
  specs: Specs,
  evaluator: Evaluator | undefined,
): Promise<TestResult> {
  if (evaluator === undefined) return runTest(test, usualInterval, specs);
  const prepared = prepare(test, usualInterval, specs, (provider) => provider === 'prometheus');
  if ('message' in prepared) return prepared;
  const { series, measured, run, lastMs } = prepared;
  const isWritten = ({ name }: ResolvedMeasure): boolean => (test.measured ?? []).some(({ metric }) => metric === name);
  if (measured.measures.every(isWritten)) return judgePrepared(test, prepared);
  const opened = await evaluator.open(series);
  try {
    const span = { startedAtMs: Date.parse(run.startedAt), lastMs };
    return judgePrepared(test, prepared, await askMeasures(measured.measures, test.measured ?? [], span, opened.ask));
  } finally {
    await opened.close();
  }
}

/** Without any program: values of providers stand in the test, or their metrics are left out. */
export function runTest(test: WrittenTest, usualInterval: string, specs: Specs): TestResult {
  const prepared = prepare(test, usualInterval, specs, () => false);
  return 'message' in prepared ? prepared : judgePrepared(test, prepared);
}

interface Prepared {
  readonly run: AnalysisRunSpec;
  readonly weights: Weights['list'];
  readonly series: readonly Series[];
  readonly measured: Exclude<ReturnType<typeof measuredOf>, Broken>;
  readonly rowsOf: RowsAt;
  readonly podsAtMs: (atMs: number) => RunPods;
  readonly lastMs: number;
  readonly notes: readonly string[];
}

function prepare(
  test: WrittenTest,
  usualInterval: string,
  specs: Specs,
  isAsked: (provider: string) => boolean,
): Prepared | Broken {
  const scrapeMs = readDurationMs(test.interval ?? usualInterval) ?? 0;
  if (scrapeMs < 1000)
    return broken(['interval'], 'interval is below 1s. Write how often Prometheus scrapes, e.g. 15s.');
  const weights = readWeights(test);
  if ('message' in weights) return weights;
  const analysis = analysisOf(test, specs);
  if ('message' in analysis) return analysis;
  const series: Series[] = [];
  for (const [index, written] of (test.input_series ?? []).entries()) {
    const read = readSeries(written, FIRST_MS, scrapeMs);
    if (typeof read === 'string') return broken(['input_series', index], `input_series[${index}]: ${read}`);
    series.push(read);
  }
  const namespace = test.namespace ?? 'default';
  const arms = { stable: armOf(test.stable, SIDES.stable), canary: armOf(test.canary, SIDES.canary) };
  const spec = resolve(test.name, namespace, analysis.spec, arms, specs, FIRST_MS + (weights.list[0]?.fromMs ?? 0));
  if ('reason' in spec)
    return broken(['analysis'], spec.message.replaceAll(`Release ${namespace}/${test.name}: spec.`, ''));
  const measured = measuredOf(test, spec.measures ?? [], isAsked);
  if ('message' in measured) return measured;
  if (spec.metrics.length === 0 && measured.measures.length === 0) {
    return broken(
      ['analysis'],
      `Only providers are asked here (${measured.leftOut.join(', ')}), and no test asks one. Give their values as measured, or a Prometheus that evaluates its queries: --prometheus-binary.`,
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
    // Who evaluates queries may read any series.
    ...(measured.measures.some(({ provider }) => isAsked(Object.keys(provider)[0] ?? ''))
      ? []
      : unreadNotes(series, run, sides)),
    ...(measured.leftOut.length === 0
      ? []
      : [`Left out, because no measured gives their values: ${measured.leftOut.join(', ')}.`]),
  ];
  return {
    run,
    weights: weights.list,
    series,
    measured,
    rowsOf: reading,
    podsAtMs: (atMs) => podsAt(run, namespace, ledgerAt(atMs)),
    lastMs,
    notes,
  };
}

function judgePrepared(test: WrittenTest, prepared: Prepared, asked?: ResultsAt): TestResult {
  const { run, measured, notes } = prepared;
  const judged = judge(run, prepared.weights, {
    ...prepared,
    measures: measured.measures,
    resultsAt: asked ?? replayMeasures(measured.measures, test.measured ?? [], Date.parse(run.startedAt)),
  });
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
  return {
    kind: 'judged',
    checks,
    turns: turnsOf(judged),
    notes: [...notes, ...leftOutNotes(judged.map(({ leftOut }) => leftOut))],
  };
}

const isMet = ({ outcome, metric, reason }: Expectation, got: StepVerdict): boolean =>
  got.outcome === outcome &&
  (metric === undefined || got.metric === metric) &&
  (reason === undefined || got.reason === reason);

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
  readonly verdict: Checked['got'];
  readonly leftOut: LeftOut;
}

interface Given {
  readonly rowsOf: RowsAt;
  readonly podsAtMs: (atMs: number) => RunPods;
  readonly measures: readonly ResolvedMeasure[];
  readonly resultsAt: (atMs: number) => readonly MetricResult[];
  readonly lastMs: number;
}

function judge(
  run: AnalysisRunSpec,
  weights: Weights['list'],
  { rowsOf, podsAtMs, measures, resultsAt, lastMs }: Given,
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
    const compared = run.metrics.length === 0 ? undefined : judgeStep(evidence, run, question);
    const moment = {
      ...question,
      startedAtMs: Date.parse(run.startedAt),
      instantMs: endMs,
      atLeastMs: run.rule.dwellMs,
      atMostMs: run.rule.atMostMs,
    };
    const verdict =
      measures.length === 0 && compared !== undefined
        ? compared
        : withMeasures(compared, moment, measures, resultsAt(endMs));
    judged.push({ atMs: endMs - FIRST_MS, verdict, leftOut: observed.leftOut });
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

/**
 * One test: its setting, its series judged from the first weight on, and what was expected beside what came. Weights come from the test, not
 * from verdicts: a release that would have been aborted goes on to its end here.
 */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { ResolvedMeasure } from '../../api/measure.ts';
import { formatDuration, readDurationMs } from '../../api/units.ts';
import type { Outcome, StepVerdict } from '../../judge/verdict.ts';
import type { RunPods } from '../../metrics/intervals.ts';
import type { PodLedger } from '../../metrics/ledger.ts';
import type { MetricSource, Series } from '../../metrics/port.ts';
import { resolveOffline, writtenIn } from '../specs/resolve.ts';
import type { Specs } from '../specs/specs.ts';
import { FIRST_MS, type Judged, judgeSeries, type RowsAt } from './judge-series.ts';
import { askedRows, readRows } from './reading.ts';
import { type Ask, type ResultsAt, takeMeasures } from './measured.ts';
import { leftOutNotes, unreadNotes } from './notes.ts';
import { podsOfSeries } from './pods-of-series.ts';
import { readSeries } from './series.ts';
import { analysisOf, armOf, type Broken, broken, measuredOf, readWeights, type Weights } from './setting.ts';
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
  readonly got: Judged['verdict'];
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

const SIDES = { stable: 'stable', canary: 'canary' } as const;

/** Evaluates queries on the series of a test, from its first sample to its last verdict. */
export interface Evaluator {
  /** Comparisons ask it too, as the service would; else they read the series without it. */
  readonly isForAll?: boolean;
  open(series: readonly Series[]): Promise<Opened>;
}

interface Opened {
  readonly ask: Ask;
  /** What comparisons ask. */
  readonly source: MetricSource;
  close(): Promise<void>;
}

/**
 * Queries of the provider `prometheus` have their values from `evaluator`, where there is one, unless the test writes them; without it
 * metrics whose values the test does not write are left out.
 */
export async function runTest(
  test: WrittenTest,
  usualInterval: string,
  specs: Specs,
  evaluator?: Evaluator,
): Promise<TestResult> {
  const isAsked = (provider: string): boolean => evaluator !== undefined && provider === 'prometheus';
  const prepared = prepare(test, usualInterval, specs, isAsked);
  if ('message' in prepared) return prepared;
  const { series, measured, run, lastMs } = prepared;
  const written = test.measured ?? [];
  const span = { startedAtMs: Date.parse(run.startedAt), lastMs };
  const isWritten = ({ name }: ResolvedMeasure): boolean => written.some(({ metric }) => metric === name);
  const asksAll = evaluator?.isForAll === true && run.metrics.length > 0;
  const opened = measured.measures.every(isWritten) && !asksAll ? undefined : await evaluator?.open(series);
  try {
    const results = await takeMeasures(measured.measures, written, span, opened?.ask);
    if (!asksAll || opened === undefined) return judgePrepared(test, prepared, results);
    const rowsOf = await askedRows(opened.source, run, prepared.namespace, lastMs);
    if (typeof rowsOf === 'string') return broken(['analysis'], rowsOf);
    return judgePrepared(test, { ...prepared, rowsOf }, results);
  } finally {
    await opened?.close();
  }
}

interface Prepared {
  readonly run: AnalysisRunSpec;
  readonly namespace: string;
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
  const spec = resolveOffline(
    {
      name: test.name,
      namespace,
      spec: {
        workload: { pair: { members: [arms.stable.workload, arms.canary.workload] } },
        strategy: { canary: {} },
        analysis: analysis.spec,
      },
      arms,
      startedAtMs: FIRST_MS + (weights.list[0]?.fromMs ?? 0),
    },
    writtenIn(specs),
  );
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
  const reading = readRows(run, series, namespace, lastMs);
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
    namespace,
    weights: weights.list,
    series,
    measured,
    rowsOf: reading,
    podsAtMs: (atMs) => podsAt(run, namespace, ledgerAt(atMs)),
    lastMs,
    notes,
  };
}

function judgePrepared(test: WrittenTest, prepared: Prepared, resultsAt: ResultsAt): TestResult {
  const { run, measured, notes } = prepared;
  const judged = judgeSeries(run, prepared.weights, { ...prepared, measures: measured.measures, resultsAt });
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

const podsAt = ({ arms, rule }: AnalysisRunSpec, namespace: string, ledger: PodLedger): RunPods => ({
  namespace,
  arms,
  ledger,
  warmUpMs: rule.warmUpMs,
});

function turnsOf(judged: readonly Judged[]): readonly Turn[] {
  return judged.flatMap(({ atMs, verdict }, index) => {
    const before = judged[index - 1]?.verdict;
    if (before?.outcome === verdict.outcome && before.step === verdict.step) return [];
    const { outcome, weight, metric } = verdict;
    return [{ atMs, outcome, weight, ...(metric === undefined ? {} : { metric }) }];
  });
}

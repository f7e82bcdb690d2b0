/**
 * Opens the evidence of new runs: how often their metrics are scraped (contracts 20), and how noisy stable was before the start.
 * Runs that open at the same poll share queries, in batches, so that a hundred new releases do not flood Prometheus.
 */
import type { AnalysisRun, AnalysisRunSpec, ResolvedMetric } from '../../api/analysis-run.ts';
import { messageOf, SerinError } from '../../errors.ts';
import { openEvidence, type RunEvidence } from '../../judge/evidence.ts';
import type { Observation } from '../../judge/observation.ts';
import type { RunPods } from '../../metrics/intervals.ts';
import { readMetric } from '../../metrics/observing.ts';
import { boundariesToAsk, sidesOf } from '../../metrics/sides.ts';
import type { MetricSource } from '../../metrics/port.ts';
import type { WorkloadKey } from '../../metrics/promql.ts';
import { type Asked, askAll, endsBetween, lookbackMs, type Question, scrapeIntervals } from '../../metrics/asking.ts';
import type { Trouble } from './verdict.ts';

export interface Opening {
  readonly run: AnalysisRun;
  readonly pods: RunPods;
  /** How often it was tried before. */
  readonly failures: number;
}

export interface Opened {
  readonly evidence: RunEvidence;
  /** Why it is not open yet; the evidence is then empty and must not be kept. */
  readonly trouble?: Trouble;
}

const BATCH = 20;
/** Intervals of history at most: enough to know the noise, and below Prometheus' limit of 11 000 points. */
const MOST_HISTORY = 1800;
/** After so many failed attempts to read stable's history, a run starts without it and is uncalibrated. */
const MOST_FAILURES = 3;

/** By run uid. Never rejects but when the signal aborts. */
export async function openRuns(
  source: MetricSource,
  openings: readonly Opening[],
  instantMs: number,
  limit: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Opened>> {
  const opened = new Map<string, Opened>();
  for (let at = 0; at < openings.length; at += BATCH) {
    const batch = openings.slice(at, at + BATCH);
    for (const [uid, result] of await openBatch(source, batch, instantMs, limit, signal)) opened.set(uid, result);
  }
  return opened;
}

async function openBatch(
  source: MetricSource,
  batch: readonly Opening[],
  instantMs: number,
  limit: number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Opened>> {
  let scrapes: Awaited<ReturnType<typeof scrapeIntervals>>;
  try {
    scrapes = await scrapeIntervals(source, batch.flatMap(scrapeQuestions), instantMs, limit, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    const trouble = troubleOf(thrown);
    return new Map(
      batch.map(({ run }) => [run.metadata.uid, { evidence: openEvidence(run.spec, new Map()), trouble }]),
    );
  }
  const specs = batch.map((opening) => {
    const observed = scrapeQuestions(opening).map(({ query, workload }) => scrapes(query, workload));
    return stretched(opening.run.spec, observed);
  });
  const questions = batch.map((opening, index) =>
    historyQuestions(opening, specs[index] as AnalysisRunSpec, instantMs),
  );
  const asked = await askAll(source, questions.flat(), limit, signal);
  return new Map(
    batch.map((opening, index) => [
      opening.run.metadata.uid,
      open(opening, specs[index] as AnalysisRunSpec, questions[index] ?? [], asked), // same length
    ]),
  );
}

function open(opening: Opening, spec: AnalysisRunSpec, questions: readonly Question[], asked: Asked): Opened {
  try {
    return { evidence: openEvidence(spec, readHistory(opening, spec, questions, asked)) };
  } catch (thrown) {
    const evidence = openEvidence(spec, new Map());
    const isRefused = thrown instanceof SerinError && !thrown.retryable;
    return !isRefused && opening.failures + 1 >= MOST_FAILURES
      ? { evidence }
      : { evidence, trouble: troubleOf(thrown) };
  }
}

function readHistory(
  { pods }: Opening,
  spec: AnalysisRunSpec,
  questions: readonly Question[],
  asked: Asked,
): ReadonlyMap<string, readonly Observation[]> {
  const { intervalMs, historyMs } = spec.rule;
  const startMs = Math.floor(Date.parse(spec.startedAt) / intervalMs) * intervalMs;
  const ends = endsBetween(startMs - historyMs, startMs, intervalMs, MOST_HISTORY);
  const span = { intervalMs, lookbackMs: lookbackMs(intervalMs) };
  const history = new Map<string, readonly Observation[]>();
  for (const [index, metric] of spec.metrics.entries()) {
    const question = questions[index];
    if (question === undefined || ends.length === 0) continue;
    const answer = asked.answer(question);
    if (answer.kind !== 'rows') {
      throw new SerinError(answer.kind === 'refused' ? 'SERIN_E_QUERY' : 'SERIN_E_PROMETHEUS', answer.message);
    }
    const read = (endMs: number): Observation =>
      readMetric(metric, answer.byEnd.get(endMs), pods, { ...span, endMs }).observation;
    history.set(metric.name, ends.map(read));
  }
  return history;
}

/** One span for all runs that open now, so that equal queries are one. */
function historyQuestions({ pods }: Opening, spec: AnalysisRunSpec, instantMs: number): readonly Question[] {
  const { intervalMs, historyMs } = spec.rule;
  const lastMs = Math.floor(instantMs / intervalMs) * intervalMs;
  const startMs = Math.floor(Date.parse(spec.startedAt) / intervalMs) * intervalMs;
  const [firstMs = lastMs] = endsBetween(startMs - historyMs, startMs, intervalMs, MOST_HISTORY);
  return spec.metrics.map((metric) => {
    const boundaries = boundariesToAsk(metric, []);
    const workloads = [stableOf(metric, pods)];
    const question = { query: metric.query, intervalMs, firstMs, lastMs, workloads };
    return boundaries === undefined ? question : { ...question, boundaries };
  });
}

function scrapeQuestions({ run, pods }: Opening): Parameters<typeof scrapeIntervals>[1] {
  return run.spec.metrics.map((metric) => ({ query: metric.query, workload: stableOf(metric, pods) }));
}

function stableOf(metric: ResolvedMetric, pods: RunPods): WorkloadKey {
  return { namespace: pods.namespace, workload: sidesOf(metric, pods).arms.stable.workload };
}

/** The smallest multiple of the interval that is not below what the metrics are scraped at; 2 % for jitter. */
function stretched(spec: AnalysisRunSpec, scrapesMs: readonly (number | undefined)[]): AnalysisRunSpec {
  const slowestMs = Math.max(0, ...scrapesMs.filter((ms) => ms !== undefined));
  const factor = Math.max(1, Math.ceil((slowestMs * 0.98) / spec.rule.intervalMs));
  return { ...spec, rule: { ...spec.rule, intervalMs: spec.rule.intervalMs * factor } };
}

function troubleOf(thrown: unknown): Trouble {
  const message = messageOf(thrown);
  if (thrown instanceof SerinError && !thrown.retryable) {
    return { finding: { reason: 'InvalidSpec', message }, isBehind: true };
  }
  return { unavailable: message, isBehind: true };
}

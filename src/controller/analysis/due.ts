/** A run at one poll: what is known of it, which intervals it still lacks, and the questions that follow. Pure. */
import type { AnalysisRun, AnalysisRunSpec, ResolvedMetric } from '../../api/analysis-run.ts';
import type { Release } from '../../api/release.ts';
import type { RunEvidence } from '../../judge/evidence.ts';
import type { Reading, RunPods, Span } from '../../metrics/intervals.ts';
import { type Asked, endsBetween, lookbackMs, type Question } from '../../metrics/asking.ts';
import type { Remembered } from './memory.ts';
import { boundariesToAsk, sidesOf } from '../../metrics/sides.ts';
import {
  lateMetrics,
  observeRun,
  readMetric,
  readRun,
  type RunObserved,
  type RunReadings,
} from '../../metrics/observing.ts';
import type { Opened } from './opening.ts';
import type { Trouble } from './verdict.ts';

/** A run that is under analysis, with its Release as it is now. */
export interface Candidate {
  readonly run: AnalysisRun;
  readonly release: Release;
  readonly instantMs: number;
  readonly remembered: Remembered;
  readonly pods: RunPods;
}

/** A candidate whose interval ends at this instant. */
export interface DueRun extends Candidate {
  /** Opened or remembered; what the verdict is taken from even where nothing could be read. */
  readonly evidence: RunEvidence;
  /** Ends of the intervals that are not in the evidence yet, oldest first; none when it could not be opened. */
  readonly ends: readonly number[];
  readonly span: Omit<Span, 'endMs'>;
  readonly openTrouble?: Trouble;
}

interface MetricAnswer {
  readonly expression: string;
  /** Why it was not answered. */
  readonly unavailable?: string;
  readonly refused?: string;
}

/** What was read for a due run. */
export interface ReadRun {
  readonly due: DueRun;
  readonly answers: readonly MetricAnswer[];
  /** Absent when there was nothing to read. */
  readonly readings?: RunReadings;
  /** Metrics whose last interval must be asked again. */
  readonly late: readonly string[];
}

/** Start of the first interval: whole intervals after the run's start only. */
export function firstStartMs({ startedAt }: AnalysisRunSpec, intervalMs: number): number {
  return Math.ceil(Date.parse(startedAt) / intervalMs) * intervalMs;
}

/** `undefined` when the run's interval does not end at this instant. */
export function dueRun(candidate: Candidate, opened: Opened, mostCaughtUp: number): DueRun | undefined {
  const { evidence, trouble } = opened;
  const { intervalMs } = evidence;
  const { instantMs, run } = candidate;
  if (instantMs % intervalMs !== 0) return undefined;
  const fromMs = Math.max(evidence.endMs, firstStartMs(run.spec, intervalMs));
  return {
    ...candidate,
    evidence,
    ends: trouble === undefined ? endsBetween(fromMs, instantMs, intervalMs, mostCaughtUp) : [],
    span: { intervalMs, lookbackMs: lookbackMs(intervalMs) },
    ...(trouble === undefined ? {} : { openTrouble: trouble }),
  };
}

export function questionsOf(due: DueRun): readonly Question[] {
  return due.run.spec.metrics.flatMap((metric) => questionOf(due, metric) ?? []);
}

export function readDue(due: DueRun, asked: Asked): ReadRun {
  const { metrics } = due.run.spec;
  const answered = metrics.map((metric) => {
    const question = questionOf(due, metric);
    const answer = question === undefined ? undefined : asked.answer(question);
    return { name: metric.name, answer, expression: question === undefined ? '' : asked.expression(question) };
  });
  const answers = answered.map(({ answer, expression }) => ({
    expression,
    ...(answer?.kind === 'unavailable' ? { unavailable: answer.message } : {}),
    ...(answer?.kind === 'refused' ? { refused: answer.message } : {}),
  }));
  // Nothing was read: the intervals stay open and are read again by range.
  if (!answered.some(({ answer }) => answer?.kind === 'rows')) return { due, answers, late: [] };
  const byName = new Map(answered.map(({ name, answer }) => [name, answer]));
  const readings = readRun(due.run.spec, due.pods, due.ends, due.span, (name, endMs) => {
    const answer = byName.get(name);
    return answer?.kind === 'rows' ? answer.byEnd.get(endMs) : 'failed';
  });
  return { due, answers, readings, late: lateMetrics(readings, due.remembered.receipts, due.span.intervalMs) };
}

export function lateQuestionsOf({ due, late }: ReadRun): readonly Question[] {
  return due.run.spec.metrics.filter(({ name }) => late.includes(name)).map((metric) => lateQuestion(due, metric));
}

/** What the readings add to the evidence; `undefined` when there is nothing to add. */
export function observeDue({ due, readings }: ReadRun, again: Asked): RunObserved | undefined {
  if (readings === undefined) return undefined;
  const before = { evidence: due.evidence, receipts: due.remembered.receipts };
  const reread = (name: string): Reading | undefined => {
    const metric = due.run.spec.metrics.find((candidate) => candidate.name === name);
    const answer = metric === undefined ? undefined : again.answer(lateQuestion(due, metric));
    if (metric === undefined || answer?.kind !== 'rows') return undefined;
    const { endMs } = due.evidence;
    const pods = { ...due.pods, ledger: readings.ledger };
    return readMetric(metric, answer.byEnd.get(endMs), pods, { ...due.span, endMs });
  };
  return observeRun(due.run.spec, before, readings, due.release.status?.weights, reread);
}

export function troubleOf(
  { due, answers }: ReadRun,
  observed: RunObserved | undefined,
  evidence: RunEvidence,
): Trouble {
  if (due.openTrouble !== undefined) return due.openTrouble;
  const refused = answers.find((answer) => answer.refused !== undefined)?.refused;
  const unavailable = answers.find((answer) => answer.unavailable !== undefined)?.unavailable;
  const finding = refused === undefined ? observed?.findings[0] : { reason: 'InvalidSpec', message: refused };
  return {
    ...(unavailable === undefined ? {} : { unavailable }),
    ...(finding === undefined ? {} : { finding }),
    isBehind: evidence.endMs < due.instantMs,
  };
}

/** The run's numbers with the interval that its evidence really has (contracts 20). */
export function specOf(run: AnalysisRun, evidence: RunEvidence): AnalysisRunSpec {
  return { ...run.spec, rule: { ...run.spec.rule, intervalMs: evidence.intervalMs } };
}

function questionOf(due: DueRun, metric: ResolvedMetric): Question | undefined {
  const [firstMs] = due.ends;
  const lastMs = due.ends.at(-1);
  if (firstMs === undefined || lastMs === undefined) return undefined;
  return { ...baseQuestion(due, metric), firstMs, lastMs };
}

function lateQuestion(due: DueRun, metric: ResolvedMetric): Question {
  return { ...baseQuestion(due, metric), firstMs: due.evidence.endMs, lastMs: due.evidence.endMs };
}

function baseQuestion(due: DueRun, metric: ResolvedMetric): Omit<Question, 'firstMs' | 'lastMs'> {
  const { namespace } = due.run.metadata;
  const { stable, canary } = sidesOf(metric, due.pods).arms;
  const boundaries = boundariesToAsk(metric, chosenBoundaries(due.evidence, metric));
  return {
    query: metric.query,
    intervalMs: due.span.intervalMs,
    workloads: [stable, canary].map(({ workload }) => ({ namespace, workload })),
    ...(boundaries === undefined ? {} : { boundaries }),
  };
}

/** Once the judge has chosen, only those boundaries (ms) are asked for. */
function chosenBoundaries(evidence: RunEvidence, metric: ResolvedMetric): readonly number[] {
  const comparisons = evidence.metrics.find(({ rule }) => rule.name === metric.name)?.comparisons ?? [];
  return [...new Set(comparisons.flatMap(({ boundaryMs }) => boundaryMs ?? []))];
}

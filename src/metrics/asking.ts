/**
 * The queries of one poll: equal ones are asked once for all runs that need them (contracts 26), in pieces of some hundred workloads.
 * Runs that are up to date share a query; runs that missed intervals share one over all of these, and no intervals are ever merged.
 */
import type { MetricQuerySpec } from '../api/metric-query.ts';
import { SerinError, messageOf } from '../errors.ts';
import { allLimited } from './limited.ts';
import type { MetricSource } from './port.ts';
import { MOST_NAMES_OF_SAMPLES, sampleSelectors, type WorkloadKey } from './promql.ts';
import { type IntervalRows, workloadKey } from './rows.ts';
import { scrapesOf, sumsExpression } from './shapes.ts';
import { wholeAnswers } from './whole.ts';
import { askSamples, askSums, hasSamples, merged, type Part, type PartAnswer, type Way } from './ways.ts';

const SCRAPES_WINDOW_MS = 300_000;
/** Pieces of one question at most: beyond, pieces get larger, so that the number of queries does not grow with the releases. */
const MOST_PIECES = 8;

export interface Question {
  readonly query: MetricQuerySpec;
  readonly intervalMs: number;
  /** First and last interval end; equal for a single interval. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly workloads: readonly WorkloadKey[];
  /** Boundaries in the metric's unit that suffice; absent: all. */
  readonly boundaries?: readonly number[];
}

type Answer =
  | { readonly kind: 'rows'; readonly byEnd: ReadonlyMap<number, IntervalRows>; readonly warnings: readonly string[] }
  /** Outside trouble; ask again later. */
  | { readonly kind: 'unavailable'; readonly message: string }
  /** The query itself is wrong. */
  | { readonly kind: 'refused'; readonly message: string };

export interface Asked {
  answer(question: Question): Answer;
  /** What was asked for it, as one would ask for it alone; several queries in lines of their own. */
  expression(question: Question): string;
  readonly queries: number;
  readonly failed: number;
  readonly series: number;
}

export interface AskingOptions {
  /** Default: samples, where the query's shape has them. */
  readonly way?: Way;
  /** By query: how many workloads were too many for one answer. Kept by the caller from poll to poll. */
  readonly tooMany?: Map<string, number>;
}

/** Two intervals at least, a minute, and never more than five: how long a counter without a scrape is remembered. */
export function lookbackMs(intervalMs: number): number {
  return Math.max(2 * intervalMs, Math.min(300_000, Math.max(60_000, 6 * intervalMs)));
}

/** Asks all questions, equal ones once. Never rejects but when the signal aborts. */
export async function askAll(
  source: MetricSource,
  questions: readonly Question[],
  limit: number,
  signal: AbortSignal,
  options: AskingOptions = {},
): Promise<Asked> {
  const groups = new Map<string, Group>();
  for (const question of questions) join(groups, question);
  const pieces = [...groups.values()].flatMap((group) => piecesOf(group, options));
  let failed = 0;
  let queries = 0;
  let series = 0;
  await allLimited(pieces, limit, async (piece) => {
    try {
      const asked = await ask(wholeAnswers(source), piece, options, signal);
      series += asked.series;
      queries += asked.queries;
      piece.answer = { kind: 'rows', byEnd: asked.byEnd, warnings: asked.warnings };
    } catch (thrown) {
      signal.throwIfAborted();
      failed += 1;
      queries += 1;
      const isRefused = thrown instanceof SerinError && !thrown.retryable;
      piece.answer = { kind: isRefused ? 'refused' : 'unavailable', message: messageOf(thrown) };
    }
  });
  return {
    answer: (question) => answerOf(groups.get(keyOf(question)), question),
    expression: (question) =>
      groups.has(keyOf(question)) ? expressionOf(question, wayOf(question.query, options)) : '',
    queries,
    failed,
    series,
  };
}

/** Where nothing was asked, because nothing could be. */
export const NOTHING_ASKED: Asked = {
  answer: (question) => answerOf(undefined, question),
  expression: () => '',
  queries: 0,
  failed: 0,
  series: 0,
};

interface Group {
  readonly query: MetricQuerySpec;
  readonly intervalMs: number;
  firstMs: number;
  readonly lastMs: number;
  readonly workloads: Map<string, WorkloadKey>;
  /** `undefined`: all. */
  boundaries: Set<number> | undefined;
  /** By workload. */
  readonly pieces: Map<string, Piece>;
}

interface Piece {
  readonly part: Part;
  answer: Answer | undefined;
}

function join(groups: Map<string, Group>, question: Question): void {
  const key = keyOf(question);
  let group = groups.get(key);
  if (group === undefined) {
    const { query, intervalMs, firstMs, lastMs } = question;
    const boundaries = question.boundaries === undefined ? undefined : new Set<number>();
    group = { query, intervalMs, firstMs, lastMs, workloads: new Map(), boundaries, pieces: new Map() };
    groups.set(key, group);
  }
  group.firstMs = Math.min(group.firstMs, question.firstMs);
  for (const workload of question.workloads) {
    group.workloads.set(workloadKey(question.query, workload.namespace, workload.workload), workload);
  }
  if (question.boundaries === undefined) group.boundaries = undefined;
  else for (const boundary of question.boundaries) group.boundaries?.add(boundary);
}

/**
 * Single intervals are kept apart from spans, and chosen boundaries from all of them, so that one run that lags or is new does not
 * make the answers for all others longer.
 */
function keyOf({ query, intervalMs, firstMs, lastMs, boundaries }: Question): string {
  return `${textOf(query)} ${intervalMs} ${lastMs} ${firstMs === lastMs} ${boundaries === undefined}`;
}

/** Neighbours by name come together: what is asked for by name is then few namespaces. */
function piecesOf(group: Group, options: AskingOptions): readonly Piece[] {
  const { query, intervalMs, firstMs, lastMs, boundaries } = group;
  const sorted = [...group.workloads].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const size = wayOf(query, options) === 'sums' ? sorted.length : sizeOf(group, options.tooMany);
  const pieces: Piece[] = [];
  for (let at = 0; at < sorted.length; at += size) {
    const entries = sorted.slice(at, at + size);
    const part = {
      query,
      intervalMs,
      lookbackMs: lookbackMs(intervalMs),
      firstMs,
      lastMs,
      workloads: entries.map(([, workload]) => workload),
      ...(boundaries === undefined ? {} : { boundaries: [...boundaries] }),
    };
    const piece = { part, answer: undefined };
    for (const [key] of entries) group.pieces.set(key, piece);
    pieces.push(piece);
  }
  return pieces;
}

function sizeOf({ query, workloads }: Group, tooMany: ReadonlyMap<string, number> | undefined): number {
  const usual = Math.max(MOST_NAMES_OF_SAMPLES, Math.ceil(workloads.size / MOST_PIECES));
  const fitting = Math.ceil((tooMany?.get(textOf(query)) ?? Number.POSITIVE_INFINITY) / 2);
  return Math.max(1, Math.min(usual, fitting));
}

function ask(source: MetricSource, { part }: Piece, options: AskingOptions, signal: AbortSignal): Promise<PartAnswer> {
  if (wayOf(part.query, options) === 'sums') return askSums(source, part, signal);
  const { tooMany } = options;
  const name = textOf(part.query);
  const onTooLarge = (workloads: number): void =>
    void tooMany?.set(name, Math.min(workloads, tooMany.get(name) ?? workloads));
  return askSamples(source, part, onTooLarge, signal);
}

function answerOf(group: Group | undefined, { query, workloads }: Question): Answer {
  const pieces = new Set(
    workloads.map(({ namespace, workload }) => group?.pieces.get(workloadKey(query, namespace, workload))),
  );
  const answers = [...pieces].map((piece) => piece?.answer ?? NOT_ASKED);
  const [first = NOT_ASKED] = answers;
  if (answers.length < 2) return first;
  const rows = answers.filter((answer) => answer.kind === 'rows');
  const failure = answers.find((answer) => answer.kind !== 'rows');
  if (failure !== undefined) return failure;
  const { byEnd, warnings } = merged(rows.map((answer) => ({ ...answer, series: 0, queries: 0 })));
  return { kind: 'rows', byEnd, warnings };
}

const NOT_ASKED: Answer = { kind: 'unavailable', message: 'It was not asked.' };

const wayOf = (query: MetricQuerySpec, { way = 'samples' }: AskingOptions): Way =>
  way === 'samples' && hasSamples(query) ? 'samples' : 'sums';

function expressionOf(question: Question, way: Way): string {
  const { query, intervalMs } = question;
  if (way === 'sums') return sumsExpression(query, { ...question, lookbackMs: lookbackMs(intervalMs) });
  return Object.values(sampleSelectors(query, question)).join('\n');
}

const textOf = (query: MetricQuerySpec): string => JSON.stringify(query);

/** Interval ends after `fromMs` up to `toMs`, the newest `most` of them, oldest first. */
export function endsBetween(fromMs: number, toMs: number, intervalMs: number, most: number): readonly number[] {
  const count = Math.max(0, Math.min(most, Math.floor((toMs - fromMs) / intervalMs)));
  const lastMs = fromMs + Math.floor((toMs - fromMs) / intervalMs) * intervalMs;
  return Array.from({ length: count }, (_, k) => lastMs - (count - 1 - k) * intervalMs);
}

/** Answers how often a workload is scraped, ms: the median gap of its samples; `undefined` when none was scraped twice lately. */
export async function scrapeIntervals(
  source: MetricSource,
  questions: readonly { readonly query: MetricQuerySpec; readonly workload: WorkloadKey }[],
  atMs: number,
  limit: number,
  signal: AbortSignal,
): Promise<(query: MetricQuerySpec, workload: WorkloadKey) => number | undefined> {
  const groups = new Map<string, { readonly query: MetricQuerySpec; readonly workloads: WorkloadKey[] }>();
  for (const { query, workload } of questions) {
    const key = textOf(query);
    const group = groups.get(key) ?? { query, workloads: [] };
    groups.set(key, group);
    group.workloads.push(workload);
  }
  const gaps = new Map<string, number[]>();
  await allLimited([...groups], limit, async ([key, { query, workloads }]) => {
    const { series } = await wholeAnswers(source).instant(scrapesOf(query, workloads, SCRAPES_WINDOW_MS), atMs, signal);
    for (const { labels, samples } of series) {
      const namespace = labels[query.labels.namespace ?? ''] ?? '';
      const name = `${key} ${workloadKey(query, namespace, labels[query.labels.workload ?? ''] ?? '')}`;
      const found = gaps.get(name) ?? [];
      gaps.set(name, found);
      for (const [index, sample] of samples.entries()) {
        const before = samples[index - 1];
        if (before !== undefined) found.push(sample.timeMs - before.timeMs);
      }
    }
  });
  return (query, { namespace, workload }) => {
    const found = gaps.get(`${textOf(query)} ${workloadKey(query, namespace, workload)}`) ?? [];
    return found.toSorted((a, b) => a - b)[Math.floor(found.length / 2)];
  };
}

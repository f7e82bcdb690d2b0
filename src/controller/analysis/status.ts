/**
 * The status of an AnalysisRun: built from evidence and verdict, written at once when the verdict changes, else at most once a
 * minute (contracts 10), and only over the version that was read, so that a finished run is never revived.
 */
import type { AnalysisRun, AnalysisRunStatus } from '../../api/analysis-run.ts';
import { at, fieldsAt } from '../../api/fields.ts';
import { FIELD_MANAGERS, type Patch, TYPES } from '../../api/meta.ts';
import { serialiseEvidence } from '../../judge/checkpoint.ts';
import type { RunEvidence } from '../../judge/evidence.ts';
import type { Observation } from '../../judge/observation.ts';
import type { StepVerdict } from '../../judge/verdict.ts';
import { formatLedger, type PodLedger } from '../../metrics/ledger.ts';
import type { Measured } from '../../metrics/observing.ts';

export interface RunReport {
  readonly evidence: RunEvidence;
  readonly verdict: StepVerdict;
  readonly ledger: PodLedger;
  readonly queries: readonly string[];
  readonly measured: readonly Measured[];
  readonly leftOut: string;
}

const WRITE_EVERY_MS = 60_000;
const WRITE_EVERY_INTERVALS = 6;
const MOST_MEASUREMENTS = 60;
const LONGEST_CHECKPOINT = 262_144;
const LONGEST_QUERY = 8192;

/** What of a verdict wakes a release: who is judged, what comes of it, and why. */
const IDENTITY = ['outcome', 'reason', 'revision', 'attempt', 'step', 'weight'] as const;

/** Whether the verdict says something else than the status that was read. */
export function isNews(run: AnalysisRun, verdict: StepVerdict): boolean {
  const before = run.status?.verdict;
  if (before === undefined) return true;
  const isBlind = (value: unknown): boolean => value !== undefined;
  return (
    IDENTITY.some((field) => before[field] !== verdict[field]) ||
    isBlind(before['blindSinceMs']) !== isBlind(verdict.blindSinceMs)
  );
}

/** Whether the checkpoint is old enough to be renewed; spread over time by the run's uid. */
export function isDue(run: AnalysisRun, evidence: RunEvidence, verdict: StepVerdict): boolean {
  const writtenMs = Date.parse(run.status?.intervalEnd ?? '') || 0;
  const periodMs = Math.min(WRITE_EVERY_MS, WRITE_EVERY_INTERVALS * evidence.intervalMs);
  const jitterMs = spread(run.metadata.uid, periodMs);
  return (
    Math.floor((endOf(run, evidence, verdict) + jitterMs) / periodMs) > Math.floor((writtenMs + jitterMs) / periodMs)
  );
}

/** Where nothing is compared, the verdict alone says how new the status is. */
const endOf = ({ spec }: AnalysisRun, evidence: RunEvidence, verdict: StepVerdict): number =>
  spec.metrics.length === 0 ? verdict.intervalEndMs : evidence.endMs;

/** 0 … below − 1, the same for the same text everywhere (FNV-1a). */
export function spread(text: string, below: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash % Math.max(1, Math.floor(below));
}

export function statusPatch(run: AnalysisRun, report: RunReport): Patch {
  const { namespace, name, resourceVersion } = run.metadata;
  return {
    kind: 'json',
    target: { type: TYPES.analysisRun, namespace, name },
    subresource: 'status',
    operations: [
      { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
      { op: 'add', path: '/status', value: statusOf(run, report) },
    ],
    fieldManager: FIELD_MANAGERS.status,
  };
}

function statusOf(run: AnalysisRun, report: RunReport): AnalysisRunStatus {
  const { evidence, verdict } = report;
  const endMs = endOf(run, evidence, verdict);
  const checkpoint = evidence.endMs > 0 ? serialiseEvidence(evidence) : undefined;
  const queries = report.queries.filter((query) => query.length > 0 && query.length <= LONGEST_QUERY).slice(0, 64);
  return {
    ...run.status,
    phase: 'Running',
    verdict: { ...verdict },
    ...(checkpoint === undefined || checkpoint.length > LONGEST_CHECKPOINT ? {} : { checkpoint }),
    ...(endMs === 0 ? {} : { intervalEnd: new Date(endMs).toISOString() }),
    pods: formatLedger(report.ledger),
    weight: verdict.weight,
    message: `${verdict.says}${report.leftOut}`.slice(0, 2048),
    ...(queries.length === 0 ? {} : { queries }),
    measurements: mergeMeasurements(run.status?.measurements ?? [], report),
  };
}

/** The newest intervals in short: per metric `[canary bad, canary total, stable bad, stable total]`, or why it was left out. */
function mergeMeasurements(
  before: NonNullable<AnalysisRunStatus['measurements']>,
  { measured, verdict }: RunReport,
): NonNullable<AnalysisRunStatus['measurements']> {
  const boundaryOf = new Map(verdict.metrics.map(({ name, boundaryMs }) => [name, boundaryMs]));
  const added = measured.map((one) => measurementOf(one, boundaryOf));
  const ends = new Set<unknown>(added.map(({ end }) => end));
  return [...before.filter((entry) => !ends.has(at(entry, 'end'))), ...added].slice(-MOST_MEASUREMENTS);
}

/** One interval as it is kept; of a histogram one boundary, by metric. */
export function measurementOf(
  { endMs, weight, observations }: Measured,
  boundaryOf: ReadonlyMap<string, number | undefined>,
): { readonly end: string; readonly weight: number; readonly metrics: Readonly<Record<string, unknown>> } {
  const metrics = Object.fromEntries(
    [...observations].map(([name, observation]) => [name, shorten(observation, boundaryOf.get(name))]),
  );
  return { end: new Date(endMs).toISOString(), weight, metrics };
}

function shorten(observation: Observation, boundaryMs: number | undefined): Readonly<Record<string, unknown>> {
  if (observation.kind === 'skipped') return { skipped: observation.reason };
  if (observation.kind === 'proportion') return { counts: numbers(observation.counts) };
  if (observation.kind === 'gauge') return { gauge: [observation.means.canary, observation.means.stable] };
  const found = observation.boundaries.find((b) => b.boundaryMs === boundaryMs) ?? observation.boundaries.at(-1);
  return found === undefined ? {} : { boundaryMs: found.boundaryMs, counts: numbers(found.counts) };
}

function numbers(counts: Extract<Observation, { kind: 'proportion' }>['counts']): readonly number[] {
  return [counts.canary.bad, counts.canary.total, counts.stable.bad, counts.stable.total];
}

/** Under analysis: not finished, not being deleted. */
export function isUnderAnalysis(run: AnalysisRun): boolean {
  const phase = fieldsAt(run, 'status')['phase'];
  return (phase === undefined || phase === 'Running') && run.metadata.deletionTimestamp === undefined;
}

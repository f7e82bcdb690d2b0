/** What the release screen shows, as plain data: made from the Release, its AnalysisRun and (optionally) live traffic numbers. */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import type { Release } from '../../api/release.ts';
import type { StepVerdict } from '../../judge/verdict.ts';

/** Live numbers of one arm since the release began; quantiles in ms, absent where unknown. */
export interface ArmNumbers {
  readonly pods?: number;
  readonly requests?: number;
  readonly errors?: number;
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly p99Ms?: number;
}

export interface ReleaseView {
  readonly title: string;
  readonly stableRevision: string;
  readonly canaryRevision: string;
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  readonly weight: number;
  readonly step: string;
  readonly elapsedMs: number;
  readonly router: string;
  readonly stable: ArmNumbers;
  readonly canary: ArmNumbers;
  readonly verdict?: StepVerdict;
  /** Newest last. */
  readonly weights: readonly number[];
  /** Odds of the whole rollout against a healthy canary at past looks, newest last. */
  readonly evidence: readonly number[];
}

/** Reads the verdict out of a run's status; undefined before the first look. */
export function verdictOf(run: AnalysisRun | undefined): StepVerdict | undefined {
  const verdict = run?.status?.verdict as StepVerdict | undefined; // written by the analysis job only
  return verdict !== undefined && Array.isArray(verdict.metrics) ? verdict : undefined;
}

function routerOf(release: Release): string {
  const istio = release.spec.traffic?.istio;
  return istio === undefined ? 'by replica counts' : `Istio VirtualService ${istio.virtualService.name}`;
}

function stepOf(release: Release): string {
  const step = release.status?.step;
  return step === undefined ? '' : `step ${step.index} of ${step.of}: ${step.waitingFor}`;
}

function elapsedOf(release: Release, nowMs: number): number {
  const { startedAt, endedAt } = release.status ?? {};
  if (startedAt === undefined) return 0;
  return Math.max(0, (endedAt === undefined ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt));
}

export interface LiveNumbers {
  readonly stable?: ArmNumbers;
  readonly canary?: ArmNumbers;
  readonly weights?: readonly number[];
  readonly evidence?: readonly number[];
}

export function viewOf(release: Release, run: AnalysisRun | undefined, live: LiveNumbers, nowMs: number): ReleaseView {
  const verdict = verdictOf(run);
  const counted = verdict?.metrics.find((metric) => metric.boundaryMs === undefined) ?? verdict?.metrics[0];
  const { status } = release;
  return {
    title: `${release.metadata.namespace}/${release.metadata.name}`,
    stableRevision: status?.revision.stable ?? '',
    canaryRevision: status?.revision.canary ?? status?.revision.rejected.at(-1) ?? '',
    phase: status?.phase ?? 'Idle',
    reason: status?.reason ?? '',
    message: status?.message ?? '',
    weight: status?.weight ?? 0,
    step: stepOf(release),
    elapsedMs: elapsedOf(release, nowMs),
    router: routerOf(release),
    stable: {
      ...(counted === undefined ? {} : { requests: counted.stable.total, errors: counted.stable.bad }),
      ...live.stable,
    },
    canary: {
      ...(counted === undefined ? {} : { requests: counted.canary.total, errors: counted.canary.bad }),
      ...live.canary,
    },
    ...(verdict === undefined ? {} : { verdict }),
    weights: live.weights ?? [],
    evidence: live.evidence ?? [],
  };
}

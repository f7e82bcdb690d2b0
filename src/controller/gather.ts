/** All reads of one pass, as plain data for `release/decide.ts`, with the inputs that the adapters need to write. */
import { type Finding, type KubeObject, TYPES } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import type { GateAnswer } from '../gates/port.ts';
import { conflictOf } from '../release/claims.ts';
import type { Observed, WorkloadState } from '../release/observed.ts';
import { runNameOf } from '../release/transitions.ts';
import { analysisSpecOf, isFinding } from './analysis-spec.ts';
import { asTaken } from './as-taken.ts';
import type { ObjectReader } from './object-set.ts';
import { readStepAnalysis, readStepRuns } from './step-runs.ts';
import { abortRevisionOf, requestOf } from './requests.ts';
import { runStateOf } from './run-state.ts';
import { parseRelease, wellFormed } from './spec.ts';
import type { ConfigReference } from '../workloads/config/references.ts';
import { readTargets, type TargetDeps, type Targets } from './targets.ts';

export interface GatherDeps extends TargetDeps {
  /** Digests of what a pod template names. Absent: nobody looks. */
  readonly readConfig?: (
    namespace: string,
    references: readonly ConfigReference[],
  ) => Promise<NonNullable<Observed['config']>>;
  readonly gridMs: number;
  /** The newest answer of the gate that the release stands at; see `gates/asking.ts`. */
  readonly gateAnswerOf?: (release: Release) => GateAnswer | undefined;
}

/** What `main.ts` fills in: the adapters, by what a Release names. */
export type Adapters = Omit<GatherDeps, 'reader' | 'readConfig' | 'clock' | 'gridMs'>;

export interface Gathered extends Omit<Targets, 'observed'> {
  readonly observed: Observed;
  readonly reader: ObjectReader;
}

/** `undefined` when the Release does not exist (any more). */
export async function gather(deps: GatherDeps, key: string): Promise<Gathered | undefined> {
  const [namespace = '', name = ''] = key.split('/');
  const object = await deps.reader.get({ type: TYPES.release, namespace, name });
  if (object === undefined) return undefined;
  const { release, invalid } = asTaken(deps, parseRelease(object));
  const [seen, run, steps, conflict] = await Promise.all([
    readTargets(deps, release),
    readRun(deps, release),
    readStepRuns(deps.reader, release),
    readConflict(deps, release),
  ]);
  const analysis = await readAnalysis(deps, release, seen.workload?.state, run !== undefined);
  const isMade = steps.stepRun !== undefined;
  const stepAnalysis =
    invalid === undefined ? await readStepAnalysis(deps, release, seen.workload?.state, isMade) : undefined;
  const [abortRevision, request] = [abortRevisionOf(release), requestOf(release)];
  const config = await readConfig(deps, seen);
  const runState = runStateOf(run, release);
  const gateAnswer = invalid === undefined ? deps.gateAnswerOf?.(release) : undefined;
  return {
    reader: deps.reader,
    ...(seen.workload === undefined ? {} : { workload: seen.workload }),
    ...(seen.traffic === undefined ? {} : { traffic: seen.traffic }),
    observed: {
      release,
      ...seen.observed,
      ...(runState === undefined ? {} : { run: runState }),
      ...steps,
      ...(stepAnalysis === undefined ? {} : { stepAnalysis }),
      ...(analysis === undefined ? {} : { analysis }),
      ...(invalid === undefined ? {} : { invalid }),
      ...(conflict === undefined ? {} : { conflict }),
      ...(config === undefined ? {} : { config }),
      ...(gateAnswer === undefined ? {} : { gateAnswer }),
      ...(abortRevision === undefined ? {} : { abortRevision }),
      ...(request === undefined ? {} : { request }),
      nowMs: deps.clock.nowMs(),
    },
  };
}

async function readConfig(deps: GatherDeps, { workload }: Targets): Promise<Observed['config']> {
  const references = workload?.adapter.configReferences?.(workload.input);
  return references === undefined ? undefined : deps.readConfig?.(workload?.input.namespace ?? '', references);
}

function readRun({ reader }: GatherDeps, { metadata, status }: Release): Promise<KubeObject | undefined> {
  const { canary } = status?.revision ?? {};
  const made =
    canary === undefined || status?.attempt === undefined
      ? undefined
      : runNameOf(metadata.name, canary, status.attempt);
  const name = status?.analysisRun ?? made;
  return name === undefined
    ? Promise.resolve(undefined)
    : reader.get({ type: TYPES.analysisRun, namespace: metadata.namespace, name });
}

async function readConflict({ reader }: GatherDeps, release: Release): Promise<Finding | undefined> {
  const others = await reader.list(TYPES.release, release.metadata.namespace);
  // Metadata is the API server's; of the spec only what is well-formed counts as a claim.
  const claimants = others.map((other) => ({
    metadata: other.metadata as Release['metadata'],
    spec: wellFormed(other['spec']),
  }));
  return conflictOf(release, claimants);
}

async function readAnalysis(
  deps: GatherDeps,
  release: Release,
  workload: WorkloadState | undefined,
  hasRun: boolean,
): Promise<Observed['analysis']> {
  if (release.spec.analysis === undefined || workload === undefined || hasRun) return undefined;
  const { revision, attempt } = release.status ?? {};
  const spec = await analysisSpecOf(deps.reader, {
    release,
    workload,
    revision: revision?.canary ?? 'none',
    attempt: attempt ?? 1,
    nowMs: deps.clock.nowMs(),
    gridMs: deps.gridMs,
  });
  return isFinding(spec) ? { reason: spec.reason, message: spec.message } : { kind: 'resolved', digest: '' };
}

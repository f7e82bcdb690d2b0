/** Reads for steps with an analysis of their own: the run of the one in force, one that is to be ended, and whether they can be made. */
import { type Finding, type ObjectRef, TYPES } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import type { Observed, RunState, WorkloadState } from '../release/observed.ts';
import { planOf } from '../release/plan.ts';
import { stepRunNameOf } from '../release/step-run.ts';
import { switchOf } from '../release/switching.ts';
import { analysisSpecOf, isFinding } from './analysis-spec.ts';
import type { GatherDeps } from './gather.ts';
import type { ObjectReader } from './object-set.ts';
import { runStateOf } from './run-state.ts';

export async function readStepRuns(
  reader: ObjectReader,
  release: Release,
): Promise<Pick<Observed, 'stepRun' | 'endingRun'>> {
  const { metadata, status } = release;
  const runs = status?.stepRuns ?? [];
  if (status === undefined || runs.length === 0) return {};
  const present = stepRunNameOf(metadata.name, status);
  const read = async (name: string | undefined): Promise<RunState | undefined> => {
    if (name === undefined) return undefined;
    const ref: ObjectRef = { type: TYPES.analysisRun, namespace: metadata.namespace, name };
    return runStateOf(await reader.get(ref), release);
  };
  const [stepRun, endingRun] = await Promise.all([
    read(runs.find((name) => name === present)),
    read(runs.find((name) => name !== present)),
  ]);
  return { ...(stepRun === undefined ? {} : { stepRun }), ...(endingRun === undefined ? {} : { endingRun }) };
}

/**
 * All analysis steps before the release begins, so that a missing template does not show only half-way; afterwards the one in force. Where
 * all users are switched at once, also those to come.
 */
export async function readStepAnalysis(
  deps: GatherDeps,
  release: Release,
  workload: WorkloadState | undefined,
  isMade: boolean,
): Promise<Finding | undefined> {
  const { status } = release;
  const index = status?.step?.index;
  const isUnderWay = status?.phase === 'Waiting' || status?.phase === 'Progressing' || status?.phase === 'Held';
  if (workload === undefined || index === undefined || !isUnderWay) return undefined;
  const isSwitched = switchOf(release.spec) !== undefined;
  if (isMade && !isSwitched) return undefined;
  const plan = planOf(release.spec);
  const steps = plan.kind === 'plan' ? plan.steps : [];
  for (const [k, step] of steps.entries()) {
    if (step.kind !== 'analysis' || (isMade && index === k + 1)) continue;
    if (index > 0 && (isSwitched ? k + 1 < index : k + 1 !== index)) continue;
    const spec = await analysisSpecOf(deps.reader, {
      release,
      workload,
      revision: status?.revision.canary ?? 'none',
      attempt: status?.attempt ?? 1,
      step: k + 1,
      nowMs: deps.clock.nowMs(),
      gridMs: deps.gridMs,
    });
    if (isFinding(spec)) return { reason: spec.reason, message: spec.message };
  }
  return undefined;
}

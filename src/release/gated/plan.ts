/** The plan of a rollout whose own controller has the steps: a pause is where Serin judges, everything else is followed. */
import type { Finding } from '../../api/meta.ts';
import type { ReleaseSpec } from '../../api/release.ts';
import type { GateState, GateStep } from '../observed.ts';
import { type Plan, RETREAT_AFTER_MS } from '../plan.ts';
import { duration, type PlanStep } from '../steps.ts';
import { canonicalJson, shortHash } from '../revision.ts';

/** True where the rollout's own controller owns steps and traffic. */
export const isGatedSpec = ({ workload }: ReleaseSpec): boolean => ownSteps(workload) !== undefined;

const ownSteps = (workload: ReleaseSpec['workload']): { readonly holdTimedPauses?: boolean } | undefined =>
  workload.argoRollout ?? workload.kruiseRollout;

/** Step 1 is `steps[0]`, as in the rollout. Pauses at weight 0 or 100 have nothing to compare: a person opens them. */
export function gatedPlanOf(
  spec: ReleaseSpec,
  { steps }: Pick<GateState, 'steps'>,
): Plan | (Finding & { readonly kind?: undefined }) {
  const problems: string[] = [];
  const progressDeadlineMs = duration(spec.progressDeadline, 'spec.progressDeadline', problems);
  const retreatAfterMs = duration(spec.analysis?.retreatAfter, 'spec.analysis.retreatAfter', problems);
  const [first] = problems;
  if (first !== undefined) return { reason: 'InvalidSpec', message: first };
  const isJudged = spec.analysis !== undefined;
  const holdsTimed = isJudged && ownSteps(spec.workload)?.holdTimedPauses === true;
  const planned = steps.map((step) => planStep(step, isJudged, holdsTimed));
  return {
    kind: 'plan',
    steps: planned,
    isJudged,
    hash: shortHash(canonicalJson({ steps, planned })),
    ...(progressDeadlineMs === undefined ? {} : { progressDeadlineMs }),
    retreatAfterMs: retreatAfterMs ?? RETREAT_AFTER_MS,
  };
}

function planStep({ weight, pause }: GateStep, isJudged: boolean, holdsTimed: boolean): PlanStep {
  if (pause === undefined) return { kind: 'setWeight', weight };
  const canJudge = isJudged && weight > 0 && weight < 100;
  if (pause === 'open') return canJudge ? { kind: 'judge', isImplied: false } : { kind: 'pause' };
  return canJudge && holdsTimed ? { kind: 'judge', isImplied: false } : { kind: 'pause', durationMs: pause };
}

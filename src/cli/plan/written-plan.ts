/** The plan of a Release in a file. Where another controller has the steps, they are read from its Rollout in the same files. Pure. */
import { fieldsAt, listAt, numberAt, stringAt } from '../../api/fields.ts';
import type { Finding, KubeObject } from '../../api/meta.ts';
import type { ReleaseSpec } from '../../api/release.ts';
import { gatedPlanOf } from '../../release/gated/plan.ts';
import type { GateStep } from '../../release/observed.ts';
import { type Plan, planOf } from '../../release/plan.ts';
import type { PlanStep } from '../../release/steps.ts';
import { stepsOf as argoStepsOf } from '../../workloads/argo/status.ts';
import { stepsOf as kruiseStepsOf, trafficRoutingOf } from '../../workloads/kruise/steps.ts';
import { groupOf } from '../lint/context.ts';
import type { SourceObject } from '../lint/source.ts';

const KRUISE = 'rollouts.kruise.io';

/** The steps of the Release, or of its Rollout among `beside`; a finding where they are not known, or cannot be. */
export function writtenPlanOf(
  spec: ReleaseSpec,
  beside: readonly SourceObject[],
  namespace?: string,
): Plan | (Finding & { readonly kind?: undefined }) {
  const { argoRollout, kruiseRollout } = spec.workload;
  const name = argoRollout?.name ?? kruiseRollout?.name;
  if (name === undefined) return planOf(spec);
  const find = (group: string | undefined, kind: string, called: string): KubeObject | undefined =>
    // Somebody else's object, as somebody wrote it: its fields are read with care.
    beside.find(
      (each) =>
        each.kind === kind &&
        each.name === called &&
        (group === undefined || groupOf(each.apiVersion) === group) &&
        (each.namespace === undefined || namespace === undefined || each.namespace === namespace),
    )?.value as KubeObject | undefined;
  const rollout = find(argoRollout === undefined ? KRUISE : 'argoproj.io', 'Rollout', name);
  if (rollout === undefined) {
    return unknown(
      `its steps are those of Rollout ${name}, which is not in this file. Put both into one, or give the weights: --weights 5,25,50.`,
    );
  }
  const steps = argoRollout === undefined ? kruiseSteps(rollout, find) : argoStepsOf(rollout);
  if (typeof steps === 'string') return unknown(steps);
  const plan = gatedPlanOf(spec, { steps });
  return plan.kind === 'plan' ? { ...plan, steps: withWeights(plan.steps, steps) } : plan;
}

const unknown = (message: string): Finding => ({ reason: 'WorkloadNotFound', message });

type Find = (group: string | undefined, kind: string, name: string) => KubeObject | undefined;

/** A sentence where it asks for so many pods of a number that these files do not tell. */
function kruiseSteps(rollout: KubeObject, find: Find): readonly GateStep[] | string {
  const routing = trafficRoutingOf(rollout);
  const { kind = '', name = '' } = fieldsAt(rollout, 'spec', 'workloadRef');
  const workload = find(undefined, String(kind), String(name));
  const strategy = fieldsAt(rollout, 'spec', 'strategy');
  const hasCounts = [...listAt(strategy, 'canary', 'steps'), ...listAt(strategy, 'blueGreen', 'steps')].some(
    (step) => numberAt(step, 'replicas') !== undefined && stringAt(step, 'traffic') === undefined,
  );
  if (workload === undefined && hasCounts)
    return `its Rollout ${rollout.metadata.name} asks for numbers of pods, and ${String(kind)} ${String(name)}, which says of how many, is not in this file. Put both into one, or give the weights: --weights 5,25,50.`;
  const replicas = numberAt(workload, 'spec', 'replicas') ?? 1;
  return kruiseStepsOf(rollout, replicas, routing === undefined ? undefined : find(KRUISE, 'TrafficRouting', routing));
}

/** With the weight that holds before each judge and pause; a weight that is left at once has no time to be seen in. */
function withWeights(planned: readonly PlanStep[], steps: readonly GateStep[]): readonly PlanStep[] {
  let weight: number | undefined;
  return planned.flatMap((step, k): readonly PlanStep[] => {
    if (step.kind === 'setWeight') return [];
    const here = steps[k]?.weight ?? 0;
    const isSame = here === weight;
    weight = here;
    return isSame ? [step] : [{ kind: 'setWeight', weight: here }, step];
  });
}

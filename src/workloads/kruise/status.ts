/** What a Rollout of OpenKruise says of itself: fields of its v1beta1 status as its controller writes them, nothing interpreted twice. */
import { at, type Fields, fieldsAt, listAt, numberAt, stringAt } from '../../api/fields.ts';
import type { KubeObject } from '../../api/meta.ts';

/** Where the part of the status is that the style of the rollout has. */
type SubPath = 'canaryStatus' | 'blueGreenStatus';

export interface RolloutStatus {
  readonly path: SubPath;
  /** That part, as it is. */
  readonly sub: Fields;
  readonly phase: string;
  /** Reason of the condition `Progressing`: where it is while `phase` is Progressing. */
  readonly progress: string;
  /** From 1. */
  readonly step: number;
  readonly state: string;
  /** Its controller has seen the newest spec. */
  readonly isCurrent: boolean;
  /** `spec.strategy.paused`. */
  readonly isPaused: boolean;
  readonly says: string | undefined;
}

export function statusOf(rollout: KubeObject): RolloutStatus {
  const status = fieldsAt(rollout, 'status');
  const path: SubPath = isBlueGreen(rollout) ? 'blueGreenStatus' : 'canaryStatus';
  const sub = fieldsAt(status, path);
  const progressing = listAt(status, 'conditions').find((each) => stringAt(each, 'type') === 'Progressing');
  const message = stringAt(status, 'message') ?? '';
  return {
    path,
    sub,
    phase: stringAt(status, 'phase') ?? '',
    progress: stringAt(progressing, 'reason') ?? '',
    step: numberAt(sub, 'currentStepIndex') ?? 0,
    state: stringAt(sub, 'currentStepState') ?? '',
    isCurrent: numberAt(status, 'observedGeneration') === rollout.metadata.generation,
    isPaused: at(rollout, 'spec', 'strategy', 'paused') === true,
    says: message === '' ? undefined : sentence(`Kruise Rollouts says: ${message}`),
  };
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

export const isBlueGreen = (rollout: KubeObject): boolean => at(rollout, 'spec', 'strategy', 'blueGreen') !== undefined;

/** A canary beside the Deployment, in one of its own; other kinds have their pods replaced whatever this says. */
export const hasExtraDeployment = (rollout: KubeObject): boolean =>
  at(rollout, 'spec', 'strategy', 'canary', 'enableExtraWorkloadForCanary') === true &&
  stringAt(rollout, 'spec', 'workloadRef', 'kind') === 'Deployment';

export const strategyOf = (rollout: KubeObject): Fields =>
  fieldsAt(rollout, 'spec', 'strategy', isBlueGreen(rollout) ? 'blueGreen' : 'canary');

/** What a Rollout of Argo Rollouts says of itself: fields of its status as its controller writes them, nothing interpreted twice. */
import { at, fieldsAt, listAt, numberAt, stringAt, timeAt } from '../../api/fields.ts';
import type { KubeObject } from '../../api/meta.ts';
import { readDurationMs } from '../../api/units.ts';
import type { GateStep } from '../../release/observed.ts';

/** One of `status.pauseConditions`. */
interface PauseCondition {
  readonly reason: string;
  readonly startTime: string;
}

export interface RolloutStatus {
  /** Hash of the newest template; the canary's while it differs from `stableHash`. */
  readonly currentHash: string;
  /** Empty until the first rollout is through. */
  readonly stableHash: string;
  /** From 0; `undefined` without steps. */
  readonly stepIndex: number | undefined;
  readonly pauses: readonly PauseCondition[];
  readonly isAborted: boolean;
  readonly isPromotingFully: boolean;
  readonly isBlueGreen: boolean;
  /** Its controller has seen the newest spec (and template, where that stands in another object). */
  readonly isCurrent: boolean;
  readonly says: string | undefined;
}

export function statusOf(rollout: KubeObject): RolloutStatus {
  const status = fieldsAt(rollout, 'status');
  const { generation } = rollout.metadata;
  const observed = stringAt(status, 'observedGeneration');
  const message = stringAt(status, 'message');
  return {
    currentHash: stringAt(status, 'currentPodHash') ?? '',
    stableHash: stringAt(status, 'stableRS') ?? '',
    stepIndex: numberAt(status, 'currentStepIndex'),
    pauses: listAt(status, 'pauseConditions').map((each) => ({
      reason: stringAt(each, 'reason') ?? '',
      startTime: stringAt(each, 'startTime') ?? '',
    })),
    isAborted: at(status, 'abort') === true,
    isPromotingFully: at(status, 'promoteFull') === true,
    isBlueGreen: at(rollout, 'spec', 'strategy', 'blueGreen') !== undefined,
    isCurrent: observed === String(generation ?? ''),
    says: message === undefined || message === '' ? undefined : sentence(`Argo Rollouts says: ${message}`),
  };
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** What makes a Rollout's spec unusable, in its controller's words. */
export function invalidSpecOf(rollout: KubeObject): string | undefined {
  const condition = listAt(rollout, 'status', 'conditions').find((each) => stringAt(each, 'type') === 'InvalidSpec');
  return condition === undefined ? undefined : (stringAt(condition, 'message') ?? 'its spec is invalid');
}

/** Steps of the canary strategy with the weight that holds at each; a blue-green rollout has its one pause. */
export function stepsOf(rollout: KubeObject): readonly GateStep[] {
  const blueGreen = at(rollout, 'spec', 'strategy', 'blueGreen');
  if (blueGreen !== undefined) return [blueGreenStep(blueGreen)];
  let weight = 0;
  return listAt(rollout, 'spec', 'strategy', 'canary', 'steps').map((step) => {
    weight = numberAt(step, 'setWeight') ?? weight;
    const pause = at(step, 'pause');
    const isMore = at(step, 'setWeight') === undefined && pause === undefined;
    if (pause === undefined) return { weight, ...(isMore ? { isMore } : {}) };
    const ms = pauseMs(at(pause, 'duration'));
    return { weight, pause: ms ?? 'open' };
  });
}

/** `autoPromotionSeconds` makes the pause end by itself; without it there is a pause only where promotion is not automatic. */
function blueGreenStep(blueGreen: unknown): GateStep {
  if (at(blueGreen, 'autoPromotionEnabled') === false) return { weight: 0, pause: 'open' };
  const seconds = numberAt(blueGreen, 'autoPromotionSeconds') ?? 0;
  return seconds > 0 ? { weight: 0, pause: seconds * 1000 } : { weight: 0 };
}

/** Seconds as a number or digits, or with a unit. */
function pauseMs(duration: unknown): number | undefined {
  if (typeof duration === 'number') return duration * 1000;
  if (typeof duration !== 'string') return undefined;
  return /^[0-9]+$/.test(duration) ? Number(duration) * 1000 : (readDurationMs(duration) ?? 0);
}

/** When the pause began, ms since the epoch. */
export const startOf = (pause: PauseCondition): number => timeAt(pause, 'startTime') ?? 0;

/** What a rollout's own controller is to be asked for, from the status alone: it is written first, so a crash loses no order. */
import type { ReleaseStatus } from '../../api/release.ts';
import type { GateOrder, WorkloadIntent } from '../observed.ts';
import { SUPERSEDED } from '../rules/aborting.ts';

const FOLLOWING: ReadonlySet<ReleaseStatus['phase']> = new Set(['Waiting', 'Progressing', 'Held']);

/** Most urgent first. What has been done already is found out by the adapter, which then has nothing to write. */
export function ordersOf(status: ReleaseStatus | undefined): readonly GateOrder[] {
  if (status === undefined) return [];
  return [...courseOf(status), ...holdOf(status)];
}

function courseOf({ phase, reason = '', gate, step, taken }: ReleaseStatus): readonly GateOrder[] {
  if (phase === 'Aborting') return SUPERSEDED.has(reason) ? [] : [{ kind: 'giveUp', taken: taken?.workload }];
  if (phase === 'Promoting') return [{ kind: 'promoteFull' }];
  if (!FOLLOWING.has(phase)) return [];
  if (gate?.order === 'retry') return [{ kind: 'tryAgain' }];
  if (gate?.order === 'skip') return [{ kind: 'skipStep', step: step?.index ?? 0 }];
  if (gate?.order === 'goBack' && gate.at !== undefined)
    return [{ kind: 'goBack', from: gate.at, step: step?.index ?? 1 }];
  return gate?.order === 'open' && gate.at !== undefined ? [{ kind: 'openGate', gate: gate.at }] : [];
}

/** An abort left the rollout paused where it was, until its revision is gone or somebody resumes it. */
export const wasLeftPaused = ({ phase, gate, conditions }: ReleaseStatus): boolean =>
  phase === 'Aborted' && gate?.isHeld === true && conditions.some(({ reason }) => reason === LEFT_PAUSED);

export const LEFT_PAUSED = 'RolloutLeftPaused';

/** Only what Serin paused is it going to resume. */
function holdOf(status: ReleaseStatus): readonly GateOrder[] {
  const { phase, gate, taken } = status;
  if (gate?.isHeld === undefined || wasLeftPaused(status)) return [];
  return [{ kind: 'hold', isHeld: gate.isHeld && FOLLOWING.has(phase), taken: taken?.workload }];
}

const KINDS: Readonly<Record<GateOrder['kind'], true>> = {
  openGate: true,
  goBack: true,
  skipStep: true,
  promoteFull: true,
  giveUp: true,
  tryAgain: true,
  hold: true,
};

/** What only a rollout's own controller can be asked for. */
export const isGateOrder = (intent: WorkloadIntent): intent is GateOrder => Object.hasOwn(KINDS, intent.kind);

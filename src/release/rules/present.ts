/** What the status says while nothing else happens: what it waits for, and the newest verdict. */
import type { Reason } from '../../api/reasons.ts';
import {
  isFollowingSteps,
  isJudging,
  isObserving,
  isReady,
  type Rule,
  type Situation,
  wasRouted,
} from '../situation.ts';
import { draftOf, shownVerdict, type StatusDraft, told, write } from '../transitions.ts';
import { isByReplicas } from '../situation.ts';

export const present: Rule = (s) => {
  if (isObserving(s)) return undefined;
  const draft = { ...draftOf(s), ...(isFollowingSteps(s) ? shownVerdict(s) : {}) };
  const isShown = s.status.phase === 'Waiting' || s.status.phase === 'Progressing' || s.status.phase === 'Promoting';
  if (!isShown || draft.step === undefined) return write(s, draft, 'verdict');
  const waiting = waitsFor(s, draft);
  const step = { ...draft.step, waitingFor: waiting.waitingFor };
  const why = s.status.phase === 'Promoting' ? {} : { reason: waiting.reason, message: waiting.message };
  const next = { ...draft, step, ...why };
  const isWarning = waiting.reason === 'TooShort' && s.status.reason !== 'TooShort' && step.index !== undefined;
  const shown = isWarning ? told(s, next, 'warned', `tooShort/${step.index}`) : next;
  return write(s, shown, `waits for ${waiting.waitingFor}`);
};

interface Waiting {
  readonly waitingFor: 'pods' | 'traffic' | 'judge' | 'pause' | 'gate';
  readonly reason: Reason | (string & {});
  readonly message: string;
}

function waitsFor(s: Situation, draft: StatusDraft): Waiting {
  const at = `step ${draft.step?.index ?? 0} of ${draft.step?.of ?? 0}`;
  if (!wasRouted(s.status)) {
    const { awaited } = s.observed;
    if (awaited !== undefined)
      return { waitingFor: 'traffic', reason: 'WaitingForEndpoints', message: `${awaited} (${at})` };
    return {
      waitingFor: 'traffic',
      reason: 'WaitingForTraffic',
      message: `The routes do not carry ${draft.weight} % yet (${at}).`,
    };
  }
  const needsPods = s.canary !== undefined && !isReady(s.canary) && !(isByReplicas(s) && draft.weight === 0);
  if (needsPods && !isJudging(s) && s.step?.kind !== 'pause') {
    // How many are ready would be a write for each of them.
    const { workload = 'the canary' } = s.canary ?? {};
    return {
      waitingFor: 'pods',
      reason: 'WaitingForPods',
      message: `Not all pods of ${workload} are ready (${at}).`,
    };
  }
  if (s.step?.kind === 'gate') {
    const says = s.observed.gateAnswer?.says ?? 'It has not answered yet.';
    return {
      waitingFor: 'gate',
      reason: 'WaitingForGate',
      message: `A gate keeps it at ${draft.weight} % (${at}). ${says}`,
    };
  }
  if (s.step?.kind === 'pause') {
    return { waitingFor: 'pause', reason: 'Paused', message: `A pause at ${draft.weight} % (${at}).` };
  }
  const { reason = 'Judging', says = `Evidence is being gathered at ${draft.weight} % (${at}).` } = draft.verdict ?? {};
  return { waitingFor: 'judge', reason, message: says };
}

/** A revision that failed, tried again by itself after a time that doubles with each try; only where the spec asks for it. */
import { readDurationMs } from '../../api/units.ts';
import { retriesOf, retrySettings } from '../retries.ts';
import { isGated, isObserving, type Rule, type Situation } from '../situation.ts';
import { NOT_ROUTED, started, write } from '../transitions.ts';
import { closedCause } from '../windows.ts';
import { specFinding } from './obstacles.ts';

export const retryByItself: Rule = (s) => {
  const dueMs = retryDueMs(s);
  const revision = s.status.revision.canary;
  if (dueMs === undefined || revision === undefined || s.nowMs < dueMs) return undefined;
  if (specFinding(s) !== undefined || closedCause(s.spec, s.nowMs) !== undefined) return undefined;
  const message = `${revision} is tried again, ${s.spec.analysis?.retryAfter ?? ''} or more after it was aborted.`;
  const draft = started(s, revision, { reason: 'RetriedByItself', message });
  // Another controller gave it up as well, and is asked first.
  return write(s, isGated(s) ? { ...draft, gate: { order: 'retry' } } : draft, 'retry', NOT_ROUTED);
};

/** When the revision that failed last is due again, ms since the epoch; `undefined`: never by itself. */
export function retryDueMs(s: Situation): number | undefined {
  const { status, workload, observed } = s;
  const afterMs = readDurationMs(retrySettings(s).retryAfter);
  const last = status.history?.at(-1);
  if (afterMs === undefined || last === undefined || status.phase !== 'Aborted' || isObserving(s)) return undefined;
  // What a person gave up, only a person tries again.
  if (last.outcome !== 'Aborted' || last.reason === 'AbortedByPerson') return undefined;
  const { canary, rejected } = status.revision;
  const isSame = canary === last.revision && workload?.canary?.revision === canary && rejected.includes(canary);
  if (!isSame || observed.abortRevision === canary) return undefined;
  if (retriesOf(s, last.revision).isUsedUp) return undefined;
  return Date.parse(last.endedAt) + afterMs * 2 ** (last.attempt - 1);
}

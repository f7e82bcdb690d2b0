/** What a message says of a release: taken from its status at the moment of telling, so that it stays true however late it arrives. */
import type { Release } from '../api/release.ts';
import type { Announcement } from '../release/action.ts';
import type { ReleaseMessage } from './port.ts';

/** `nowMs`: when people are told, ms since the epoch. */
export function messageOf({ metadata, status }: Release, announcement: Announcement, nowMs: number): ReleaseMessage {
  const ended = status?.endedAt === undefined ? undefined : status.history?.at(-1);
  const isOver = ended !== undefined && OVER.has(announcement.what);
  const startedAtMs = Date.parse((isOver ? ended.startedAt : status?.startedAt) ?? '');
  const endedAtMs = isOver ? Date.parse(ended.endedAt) : nowMs;
  const stable = announcement.what === 'promoted' ? status?.revision.previousStable : status?.revision.stable;
  const canary = isOver ? ended.revision : status?.revision.canary;
  return {
    announcement,
    namespace: metadata.namespace,
    release: metadata.name,
    revision: { ...(stable === undefined ? {} : { stable }), ...(canary ? { canary } : {}) },
    weight: isOver ? ended.weight : (status?.weight ?? 0),
    ...(endedAtMs >= startedAtMs ? { elapsedMs: endedAtMs - startedAtMs } : {}),
    timeMs: isOver ? endedAtMs : nowMs,
    facts: factsOf(status, announcement),
  };
}

const OVER: ReadonlySet<Announcement['what']> = new Set(['aborted', 'promoted', 'superseded']);

/** The verdict's sentence and odds, unless the announcement says the same already. */
function factsOf(status: Release['status'], { what, message }: Announcement): readonly string[] {
  const verdict = status?.verdict;
  if (verdict === undefined || what === 'started' || what === 'superseded') return [];
  const says = verdict.says === undefined || message.includes(verdict.says) ? undefined : verdict.says;
  const odds = verdict.odds === undefined || message.includes(verdict.odds) ? undefined : `odds ${verdict.odds}`;
  const line = [says, odds].filter((part) => part !== undefined).join(' · ');
  if (line === '') return [];
  const metric = verdict.metric;
  return [metric === undefined || line.startsWith(metric) ? line : `${metric}: ${line}`];
}

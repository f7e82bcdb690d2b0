/** The outbox: what a status write left to be told is told once at least, then forgotten. */
import type { Rule } from '../situation.ts';
import { draftOf, write } from '../transitions.ts';

/** Tells people what the outbox holds, then empties it. */
export const tell: Rule = (s) => {
  const announcements = s.status.unannounced ?? [];
  const last = announcements.at(-1);
  if (last === undefined) return undefined;
  const { unannounced: _unannounced, ...draft } = draftOf(s);
  const told = write(s, { ...draft, announced: last.id }, 'announced');
  return told?.kind === 'writeStatus' ? { kind: 'announce', announcements, status: told.status } : undefined;
};

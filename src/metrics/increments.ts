/**
 * What one pod's counters did in one interval, believed only as far as the ledger explains it (contracts 19). A drop needs a
 * restart; a new series needs a pod that was scraped before (then it began at zero since) or one that started so lately that its
 * counters were never read. Anything else would invent events, so the pod is called implausible.
 * What stays unseen: a counter that restarts and passes its old value before the next scrape loses that old value.
 */
import type { Column, Columns, PodRows } from './rows.ts';

export type Increment =
  | { readonly kind: 'counted'; readonly columns: Columns }
  /** Dropped or appeared without reason. */
  | { readonly kind: 'implausible' }
  /** NaN or infinite. */
  | { readonly kind: 'broken' };

export interface Explanation {
  /** A container of the pod restarted lately. */
  readonly hasRestarted: boolean;
  /** The pod started so lately that its counters cannot have been counted before. */
  readonly isNew: boolean;
}

export function incrementOf(rows: PodRows, explained: Explanation): Increment {
  const { plain, reset, born, strange } = rows.increments;
  const all = [plain, reset, born, strange].flatMap((columns) => [...columns.values()]);
  if (!all.every(Number.isFinite) || !Number.isFinite(rows.silent)) return { kind: 'broken' };
  if (reset.size > 0 && !explained.hasRestarted) return { kind: 'implausible' };
  if (largest(strange) > 0) return { kind: 'implausible' };
  if (largest(born) > 0 && !isBirthExplained(rows, explained)) return { kind: 'implausible' };
  const columns = sum([plain, reset, born]);
  // A bucket that dropped while the whole did not.
  return [...columns.values()].some((value) => value < 0) ? { kind: 'implausible' } : { kind: 'counted', columns };
}

/** Whether anything was counted at all, believable or not. */
export function hasEvents(rows: PodRows): boolean {
  const { plain, reset, born, strange } = rows.increments;
  return [plain, reset, born, strange].some((columns) => [...columns.values()].some((value) => value !== 0));
}

export function sum(parts: readonly Columns[]): Columns {
  const total = new Map<Column, number>();
  for (const part of parts) for (const [column, value] of part) total.set(column, (total.get(column) ?? 0) + value);
  return total;
}

function isBirthExplained(rows: PodRows, explained: Explanation): boolean {
  const wasScrapedBefore = rows.increments.plain.size > 0;
  if (!wasScrapedBefore) return explained.isNew;
  // A relabelling ends a series and begins another that carries its whole past.
  const looksRelabelled = rows.silent > 0 && largest(rows.increments.born) >= rows.silent;
  return !looksRelabelled || explained.hasRestarted;
}

/** The total is the largest column: bad events and buckets are part of it. */
function largest(columns: Columns): number {
  return Math.max(0, ...columns.values());
}

/**
 * The destinations of one rule as they should be: the two arms split what they have together, everything else stays.
 * Pure over lists: `before` is the list as it was when Serin took the rule, `now` the list as it stands.
 */
import type { Fields } from '../../api/fields.ts';
import { armParts, type Entry } from './rule.ts';

/** An entry that leads to the other arm, made from one that exists (its port, headers and unknown fields are kept). */
export type MakeEntry = (arm: 'stable' | 'canary', like: Entry) => Fields | undefined;

interface Share {
  readonly stable: number;
  readonly canary: number;
}

/**
 * Splits the parts of both arms. Alone in a rule they may be counted out of 100; beside other destinations their sum
 * stays, and the canary's part is rounded down: never more than was judged.
 */
export function splitParts(total: number, canaryWeight: number, hasOthers: boolean): Share {
  const base = hasOthers || total % 100 === 0 ? total : 100;
  const canary = Math.floor((base * canaryWeight) / 100);
  return { stable: base - canary, canary };
}

/** The list that gives the canary `canaryWeight` percent of what the arms have; `now` itself when it does already. */
export function steered(
  now: readonly Entry[],
  before: readonly Entry[],
  canaryWeight: number,
  make: MakeEntry,
): readonly Fields[] {
  const hadStable = before.some(({ role }) => role === 'stable');
  const hadCanary = before.some(({ role }) => role === 'canary');
  const hasOthers = now.some(({ role }) => !isArm(role));
  const share = splitParts(armParts(before).total, canaryWeight, hasOthers);
  const keep = { stable: hadStable || canaryWeight < 100, canary: hadCanary || canaryWeight > 0 };
  if (!hasOthers && hasRatio(now, keep, share)) return now.map(({ raw }) => raw);
  const shaped = shape(now, keep, make);
  if (shaped.length === 1 && before.length === 1) return shaped.map(({ raw }) => withWeight(raw, before[0]?.weight));
  return weighed(shaped, share);
}

/** The list as it was before, but with all of the arms' share on the arm that is stable now. */
export function restored(now: readonly Entry[], before: readonly Entry[], make: MakeEntry): readonly Fields[] {
  const stable = before.find(({ role }) => role === 'stable');
  const canary = before.find(({ role }) => role === 'canary');
  const shaped = shape(now, { stable: true, canary: stable !== undefined && canary !== undefined }, make);
  if (shaped.length === 1 && before.length === 1) return shaped.map(({ raw }) => withWeight(raw, before[0]?.weight));
  const share = { stable: armParts(before).total, canary: canary?.weight === undefined ? undefined : 0 };
  return weighed(shaped, share);
}

/** The arms' weights; a second destination of the same arm, which somebody added meanwhile, gets nothing. */
function weighed(
  shaped: readonly Pick<Entry, 'raw' | 'role'>[],
  share: { readonly stable: number; readonly canary: number | undefined },
): readonly Fields[] {
  return shaped.map(({ raw, role }, index) => {
    if (!isArm(role)) return raw;
    const isFirst = shaped.findIndex((other) => other.role === role) === index;
    return withWeight(raw, isFirst ? share[role] : 0);
  });
}

function isArm(role: Entry['role']): role is 'stable' | 'canary' {
  return role === 'stable' || role === 'canary';
}

/** Without other destinations only the ratio counts, so equal shares in other numbers are left alone. */
function hasRatio(
  now: readonly Entry[],
  keep: { readonly stable: boolean; readonly canary: boolean },
  share: Share,
): boolean {
  const has = (arm: Entry['role']): boolean => now.some(({ role }) => role === arm);
  if (has('stable') !== keep.stable || has('canary') !== keep.canary) return false;
  const parts = armParts(now);
  return parts.total > 0 && parts.canary * (share.stable + share.canary) === share.canary * parts.total;
}

/** Adds and removes destinations of the arms. Those that stay move up into the arms' first places, where the user had theirs. */
function shape(
  now: readonly Entry[],
  keep: { readonly stable: boolean; readonly canary: boolean },
  make: MakeEntry,
): readonly Pick<Entry, 'raw' | 'role'>[] {
  const like = now.find(({ role }) => isArm(role));
  const missing = (['stable', 'canary'] as const).filter((arm) => keep[arm] && !now.some(({ role }) => role === arm));
  const added = missing.flatMap((role) => {
    const raw = like === undefined ? undefined : make(role, like);
    return raw === undefined ? [] : [{ raw, role }];
  });
  const arms: Pick<Entry, 'raw' | 'role'>[] = [...now.filter(({ role }) => isArm(role) && keep[role]), ...added];
  const placed = now.flatMap((entry) => (isArm(entry.role) ? arms.splice(0, 1) : [entry]));
  return [...placed, ...arms];
}

function withWeight(raw: Fields, weight: number | undefined): Fields {
  if (raw['weight'] === weight) return raw;
  if (weight !== undefined) return { ...raw, weight };
  const { weight: _weight, ...rest } = raw;
  return rest;
}

/**
 * Routes of Serin's own: one directly before each steered route, for the requests of it that match. A copy of the route in everything but
 * its conditions and destinations, known by its name; it never outlives the release.
 */
import { type Fields, listAt, sameJson, stringAt } from '../../api/fields.ts';
import type { JsonPatchOperation } from '../../api/meta.ts';
import type { RequestMatch } from '../../api/request-match.ts';
import { shortHash } from '../../release/revision.ts';
import { narrowed } from './match.ts';
import type { Rule } from './rule.ts';

const PREFIX = 'serin-match-';

export const isOwn = ({ name }: Pick<Rule, 'name'>): boolean => name?.startsWith(PREFIX) === true;

/** Name of the route before the one with this key. */
export const ownNameOf = (key: string): string => PREFIX + shortHash(key);

/** Entries of the two arms as the route has them. */
export interface Arms {
  readonly stable: Fields | undefined;
  readonly canary: Fields;
}

/** `undefined` where the route's conditions leave no room for the match; that is refused before anything is written. */
export function ownRoute(key: string, like: Fields, match: RequestMatch, { stable, canary }: Arms): Fields | undefined {
  const narrow = narrowed(listAt(like, 'match'), match);
  if ('conflict' in narrow) return undefined;
  const { share } = match;
  const route =
    share === undefined || stable === undefined
      ? [weighing(canary, undefined)]
      : [weighing(stable, 100 - share), weighing(canary, share)];
  return { ...like, name: ownNameOf(key), match: narrow.match, route };
}

function weighing({ weight: _weight, ...entry }: Fields, weight: number | undefined): Fields {
  return weight === undefined ? entry : { ...entry, weight };
}

/** A steered route as it will be, and the route that is to stand before it. */
export interface Steered {
  readonly rule: Rule;
  readonly final: Fields;
  readonly own: Fields | undefined;
}

/** The route of Serin's own that stands before this one now. */
function presentBefore(http: readonly unknown[], { index, key }: Rule): Fields | undefined {
  const before = http[index - 1];
  return stringAt(before, 'name') === ownNameOf(key) ? (before as Fields) : undefined;
}

/**
 * Operations on the list of http routes, to follow those on the steered routes themselves. Each is guarded by a name, and an addition
 * also by what it comes before: none does anything twice. `names`: all that may be Serin's for this Release.
 */
export function ownOperations(
  http: readonly unknown[],
  steered: readonly Steered[],
  names: ReadonlySet<string>,
): readonly JsonPatchOperation[] {
  const kept = new Set(
    steered.flatMap(({ rule, own }) =>
      own !== undefined && presentBefore(http, rule) !== undefined ? [rule.index - 1] : [],
    ),
  );
  const replaced = steered.flatMap(({ rule, own }): readonly JsonPatchOperation[] => {
    const present = presentBefore(http, rule);
    if (own === undefined || present === undefined || sameJson(present, own)) return [];
    const path = `/spec/http/${rule.index - 1}`;
    return [
      { op: 'test', path: `${path}/name`, value: own['name'] },
      { op: 'replace', path, value: own },
    ];
  });
  const removed = http
    .flatMap((raw, index) => (names.has(stringAt(raw, 'name') ?? '') && !kept.has(index) ? [index] : []))
    .toReversed();
  const removals = removed.flatMap((index): readonly JsonPatchOperation[] => [
    { op: 'test', path: `/spec/http/${index}/name`, value: stringAt(http[index], 'name') },
    { op: 'remove', path: `/spec/http/${index}` },
  ]);
  const missing = steered
    .filter(({ rule, own }) => own !== undefined && !kept.has(rule.index - 1))
    .toSorted((one, other) => one.rule.index - other.rule.index);
  const additions = missing.flatMap(({ rule, final, own }, added): readonly JsonPatchOperation[] => {
    const path = `/spec/http/${rule.index - removed.filter((index) => index < rule.index).length + added}`;
    const guard: JsonPatchOperation =
      rule.name === undefined
        ? { op: 'test', path, value: final }
        : { op: 'test', path: `${path}/name`, value: rule.name };
    return [guard, { op: 'add', path, value: own }];
  });
  return [...replaced, ...removals, ...additions];
}

/** What somebody changed of them: gone, elsewhere, or other conditions and destinations. Other fields follow the steered route. */
export function ownDrift(
  http: readonly unknown[],
  steered: readonly Steered[],
  names: ReadonlySet<string>,
): readonly string[] {
  const missing = steered.flatMap(({ rule, own }) => {
    if (own === undefined) return [];
    const present = presentBefore(http, rule);
    const route = `the route ${ownNameOf(rule.key)}, for requests that match,`;
    if (present === undefined) return [`${route} is gone from its place`];
    const isSame = sameJson(present['match'], own['match']) && sameJson(present['route'], own['route']);
    return isSame ? [] : [`${route} was changed`];
  });
  const wanted = new Set(steered.flatMap(({ rule, own }) => (own === undefined ? [] : [ownNameOf(rule.key)])));
  const left = http
    .map((raw) => stringAt(raw, 'name') ?? '')
    .filter((name) => names.has(name) && !wanted.has(name))
    .map((name) => `the route ${name} is there, although no requests are told apart now`);
  return [...missing, ...left];
}

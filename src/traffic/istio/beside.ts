/** What a canary gets beside its weight, in a VirtualService: routes of Serin's own for requests that match, and mirrors of the steered ones. */
import { type Fields, listAt } from '../../api/fields.ts';
import type { Finding, JsonPatchOperation, KubeObject } from '../../api/meta.ts';
import { quote } from '../../api/units.ts';
import type { Beside } from '../../release/steps.ts';
import type { TrafficInput } from '../port.ts';
import { narrowed } from './match.ts';
import {
  hasForeignMirror,
  mirrorDrift,
  mirrorOperations,
  type MirrorWish,
  withMirror,
  withoutOurMirror,
} from './mirror.ts';
import { ownDrift, ownNameOf, ownOperations, ownRoute, type Steered } from './own-routes.ts';
import { describeRule, guardOf, type Rule } from './rule.ts';
import type { MakeEntry } from './steer.ts';

/** The steered routes and what they are to carry. */
export interface Steering {
  readonly virtualService: KubeObject;
  readonly rules: readonly Rule[];
  readonly beside: Beside;
  /** Keys of the routes that were taken, also of those that are gone. */
  readonly takenKeys: readonly string[];
  /** The destinations that a route is to have. */
  readonly routeOf: (rule: Rule) => readonly unknown[];
  readonly make: MakeEntry;
}

type Refusal = Finding & { readonly kind?: undefined };

const httpOf = (virtualService: KubeObject): readonly unknown[] => listAt(virtualService, 'spec', 'http');

/** Steered routes as they will be, with what stands before them and what they mirror. */
function steeredBy({ virtualService, rules, beside, routeOf, make }: Steering): readonly (Steered & MirrorWish)[] {
  return rules.map((rule) => {
    const route = routeOf(rule);
    const { match, mirror } = beside;
    const [stable, canary] = [armOf(rule, 'stable', make), armOf(rule, 'canary', make)];
    const wanted =
      mirror === undefined || canary === undefined
        ? {}
        : { wanted: { destination: canary['destination'], percent: mirror } };
    const own =
      match === undefined || canary === undefined
        ? undefined
        : ownRoute(rule.key, { ...withoutOurMirror(virtualService, rule), route }, match, { stable, canary });
    const guard: readonly JsonPatchOperation[] =
      rule.name === undefined ? [{ op: 'test', path: `/spec/http/${rule.index}/route`, value: route }] : guardOf(rule);
    return { rule, final: { ...withMirror(virtualService, { rule, ...wanted }), route }, own, guard, ...wanted };
  });
}

/** The entry of an arm, or one made like the other arm's. */
function armOf({ entries }: Rule, role: 'stable' | 'canary', make: MakeEntry): Fields | undefined {
  const found = entries.find((entry) => entry.role === role);
  if (found !== undefined) return found.raw;
  const like = entries.find((entry) => entry.role === 'stable' || entry.role === 'canary');
  return like === undefined ? undefined : make(role, like);
}

/** Names of all routes of Serin's own that this Release may have left. */
const namesOf = ({ takenKeys, rules }: Steering): ReadonlySet<string> =>
  new Set([...takenKeys, ...rules.map(({ key }) => key)].map(ownNameOf));

/** To follow the operations on the weights, in the same patch. */
export function besideOperations(steering: Steering): readonly JsonPatchOperation[] {
  const { virtualService, takenKeys } = steering;
  const steered = steeredBy(steering);
  return [
    ...mirrorOperations(virtualService, steered, takenKeys),
    ...ownOperations(httpOf(virtualService), steered, namesOf(steering)),
  ];
}

/** What somebody changed, each to stand within a sentence. */
export function besideDrift(steering: Steering): readonly string[] {
  const steered = steeredBy(steering);
  const mirrors = steered.flatMap((wish) => {
    const changed = mirrorDrift(steering.virtualService, wish);
    return changed === undefined ? [] : [`${describeRule(wish.rule)} ${changed}`];
  });
  return [...ownDrift(httpOf(steering.virtualService), steered, namesOf(steering)), ...mirrors];
}

/** What the strategy will ask for, and what status asks for now: refused before the release starts. */
function plannedBeside({ spec, intendedBeside }: Pick<TrafficInput, 'spec' | 'intendedBeside'>): readonly Beside[] {
  const { canary, abTest } = spec.strategy ?? {};
  const ofSteps = (canary?.steps ?? []).map(
    ({ match, mirror = 0 }): Beside => ({
      ...(match === undefined ? {} : { match }),
      ...(mirror === 0 ? {} : { mirror }),
    }),
  );
  return [
    ...ofSteps,
    ...(abTest === undefined ? [] : [{ match: abTest.match }]),
    ...(intendedBeside === undefined ? [] : [intendedBeside]),
  ];
}

/** Routes that have no room for what the strategy asks for. */
export function refuseBeside(
  virtualService: KubeObject,
  rules: readonly Rule[],
  input: Pick<TrafficInput, 'spec' | 'intendedBeside'>,
): Refusal | undefined {
  const planned = plannedBeside(input);
  const isMirrored = planned.some(({ mirror }) => mirror !== undefined);
  for (const rule of rules) {
    const where = `VirtualService ${quote(virtualService.metadata.name)}: ${describeRule(rule)}`;
    if (isMirrored && hasForeignMirror(virtualService, rule)) {
      return {
        reason: 'RouteNotUnderstood',
        message: `${where} mirrors its requests already, and a route has room for one mirror. Take it out, or the mirror steps out of spec.strategy.`,
      };
    }
    const conflict = planned.flatMap(({ match }) => {
      const narrow = match === undefined ? undefined : narrowed(listAt(rule.raw, 'match'), match);
      return narrow !== undefined && 'conflict' in narrow ? [narrow.conflict] : [];
    })[0];
    if (conflict === undefined) continue;
    return {
      reason: 'RouteNotUnderstood',
      message: `${where} asks something else of the header ${conflict} than the match in spec.strategy, and a route has room for one condition on a header. Match by another header, or leave this route out of spec.traffic.istio.virtualService.routes.`,
    };
  }
  return undefined;
}

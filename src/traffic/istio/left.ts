/** What could not be given back: requests that still go to the canary, and pins in objects that are not there now. */
import type { Finding, KubeObject } from '../../api/meta.ts';
import { quote } from '../../api/units.ts';
import { HASH_LABEL } from '../../workloads/deployment/replica-sets.ts';
import type { TrafficInput } from '../port.ts';
import { describeDestination, isDefined, isSame, type Mesh } from './destination.ts';
import { isInPlace } from './pin.ts';
import { describeRule, type Entry, type Rule } from './rule.ts';
import { type Arms, before, rememberedOf } from './taken.ts';

/** The routes of one VirtualService as Serin sees them. */
export interface Picture {
  readonly kind: 'picture';
  readonly virtualService: KubeObject;
  readonly mesh: Mesh;
  readonly rules: readonly Rule[];
}

/** Names of the workloads that are the arms now. */
export const armsOf = ({ stable, canary }: TrafficInput): Arms => ({
  stable: stable.workload,
  canary: canary?.workload,
});

/** A missing weight beside others is none. */
export const getsRequests = ({ entries }: Rule, { weight }: Entry): boolean =>
  (weight ?? (entries.length === 1 ? 100 : 0)) > 0;

/** Done is what was read: requests to the canary, or to a subset that nobody defines, are not given back. */
export function leftToCanary(input: TrafficInput, picture: Picture): Finding | undefined {
  for (const rule of picture.rules) {
    const was = input.taken?.['destinations'] === undefined ? [] : (before(input.taken, rule, picture.mesh) ?? []);
    // A third destination was never an arm's, whatever became of its subset.
    const isThird = ({ destination }: Entry): boolean => was.some((each) => isSame(each.destination, destination));
    const left = rule.entries.find(
      (entry) =>
        getsRequests(rule, entry) && (entry.role === 'canary' || (entry.role === 'unknownSubset' && !isThird(entry))),
    );
    if (left === undefined) continue;
    const where = `VirtualService ${quote(picture.virtualService.metadata.name)}: ${describeRule(rule)}`;
    return {
      reason: 'RouteNotUnderstood',
      message: `${where} still sends requests to ${describeDestination(left.destination)}, and no destination of ${input.stable.workload} is known to send them to instead. Put back the DestinationRule with the subsets of both versions, or give all weight to ${input.stable.workload}.`,
    };
  }
  return undefined;
}

/** A DestinationRule that is deleted in the middle of a release takes the pin along, and brings it back from a copy. */
export function unseenPin(input: TrafficInput, { mesh, rules }: Picture): Finding | undefined {
  if (!isInPlace(input)) return undefined;
  const unseen = rememberedOf(input.taken, armsOf(input)).find(
    ({ role, destination }) =>
      role === 'stable' &&
      !isDefined(destination, mesh) &&
      rules.some(({ entries }) => entries.some((entry) => isSame(entry.destination, destination))),
  );
  if (unseen === undefined) return undefined;
  const { host, subset = '' } = unseen.destination;
  return {
    reason: 'RouteNotFound',
    message: `No DestinationRule defines ${describeDestination(unseen.destination)}. If the one of ${host} comes back with the label ${HASH_LABEL} in subset ${subset}, take that out.`,
  };
}

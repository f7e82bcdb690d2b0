/** What `status.taken.traffic` holds for Istio: the arms' destinations and weights of every steered rule, as they were. */
import { type Fields, isFields, listAt, stringAt } from '../../api/fields.ts';
import type { TakenState } from '../../api/release.ts';
import { type Destination, destinationOf, type Mesh, type Remembered } from './destination.ts';
import { type Entry, entryOf, type Rule } from './rule.ts';

type TakenTraffic = TakenState['traffic'];

/** Only what Serin steers is remembered, so that giving it back cannot undo anybody's other changes. */
export function takenOf(
  virtualService: string,
  rules: readonly Rule[],
  mesh: Mesh,
  arms: Arms,
): NonNullable<TakenTraffic> {
  return {
    router: 'istio',
    virtualService,
    rules: rules.map((rule) => ({
      key: rule.key,
      route: rule.entries.map(({ destination, weight }) => ({
        destination,
        ...(weight === undefined ? {} : { weight }),
      })),
    })),
    destinations: destinationsOf(rules, mesh, arms),
  };
}

/** Names of the workloads that are the arms. */
export type Arms = Readonly<Record<'stable' | 'canary', string | undefined>>;

/** Where each workload is reached, also where no rule led to it yet: objects that say so may be gone when it is given back. */
function destinationsOf(rules: readonly Rule[], mesh: Mesh, arms: Arms): readonly Fields[] {
  const found = new Map<string, Fields>();
  for (const { entries } of rules) {
    const like = entries.find(({ role }) => role === 'stable' || role === 'canary');
    for (const arm of ['stable', 'canary'] as const) {
      const own = entries.find(({ role }) => role === arm)?.destination;
      const destination: Destination | undefined =
        own ?? (like === undefined ? undefined : destinationOf(arm, like.destination, mesh));
      const workload = arms[arm];
      if (destination === undefined || workload === undefined) continue;
      found.set(`${destination.host} ${destination.subset ?? ''}`, { workload, destination });
    }
  }
  return [...found.values()];
}

/** The destinations as they were found when they were taken, by the arms that their workloads are today. */
export function rememberedOf(taken: TakenTraffic, arms: Arms): readonly Remembered[] {
  return listAt(taken, 'destinations').flatMap((each) => {
    const workload = stringAt(each, 'workload');
    const role = workload === arms.stable ? 'stable' : workload === arms.canary ? 'canary' : undefined;
    const host = stringAt(each, 'destination', 'host');
    const subset = stringAt(each, 'destination', 'subset');
    if (workload === undefined || role === undefined || host === undefined) return [];
    return [{ role, destination: { host, ...(subset === undefined ? {} : { subset }) } } as const];
  });
}

/** Name of the VirtualService that was taken; `undefined` when nothing was, or by another router. */
export function takenVirtualService(taken: TakenTraffic): string | undefined {
  return stringAt(taken, 'router') === 'istio' ? stringAt(taken, 'virtualService') : undefined;
}

/** The destinations of a rule as they were taken, with the roles that the arms have today; `undefined` for a rule that came later. */
export function before(taken: TakenTraffic, rule: Rule, mesh: Mesh): readonly Entry[] | undefined {
  const found = takenRules(taken).find((candidate) => stringAt(candidate, 'key') === rule.key);
  return found === undefined ? undefined : listAt(found, 'route').map((entry) => entryOf(entry, mesh));
}

export function takenRules(taken: TakenTraffic): readonly Fields[] {
  return listAt(taken, 'rules').filter(isFields);
}

/** What `status.taken.traffic` holds for Istio: the arms' destinations and weights of every steered rule, as they were. */
import { type Fields, isFields, listAt, stringAt } from '../../api/fields.ts';
import type { TakenState } from '../../api/release.ts';
import type { Mesh } from './destination.ts';
import { type Entry, entryOf, type Rule } from './rule.ts';

type TakenTraffic = TakenState['traffic'];

/** Only what Serin steers is remembered, so that giving it back cannot undo anybody's other changes. */
export function takenOf(virtualService: string, rules: readonly Rule[]): NonNullable<TakenTraffic> {
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
  };
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

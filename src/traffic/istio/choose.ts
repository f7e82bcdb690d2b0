/** Which http rules are steered, or a Finding that names the one that cannot be and says how to make it so. */
import { isFields, listAt, stringAt } from '../../api/fields.ts';
import { ANEW, type Finding } from '../../api/meta.ts';
import { quote } from '../../api/units.ts';
import { describeDestination, destinationOf, type Mesh } from './destination.ts';
import { armParts, describeRule, type Entry, type Rule } from './rule.ts';
import { splitParts } from './steer.ts';

interface Choice {
  /** Name of the VirtualService. */
  readonly virtualService: string;
  /** `routes` of the spec. */
  readonly names: readonly string[] | undefined;
  readonly arms: { readonly stable: string; readonly canary: string | undefined };
  readonly mesh: Mesh;
  /** Weights the strategy will ask for; a rule too coarse for one of them is refused before the release starts. */
  readonly plannedWeights: readonly number[];
}

type Refusal = Finding & { readonly kind?: undefined };
export type Chosen = { readonly kind: 'rules'; readonly rules: readonly Rule[] } | Refusal;

export function chooseRules(rules: readonly Rule[], choice: Choice): Chosen {
  const candidates =
    choice.names === undefined ? { kind: 'rules' as const, rules } : byName(rules, choice.names, choice);
  if (candidates.kind === undefined) return candidates;
  const isNamed = choice.names !== undefined;
  const leading = candidates.rules.filter((rule) => isNamed || leadsToArms(rule));
  for (const rule of leading) {
    const refusal = refuse(rule, choice);
    if (refusal !== undefined) return refusal;
  }
  if (leading.length > 0) return { kind: 'rules', rules: leading };
  const children = rules.flatMap(({ raw }) => stringAt(raw, 'delegate', 'name') ?? []);
  if (children.length > 0) {
    return finding(
      'RouteNotFound',
      `spec.traffic.istio.virtualService ${quote(choice.virtualService)} has no http route that leads to ${armNames(choice)} itself; it delegates to ${children.join(', ')}. To name the one among these that routes to them, ${ANEW}.`,
    );
  }
  return finding(
    'RouteNotFound',
    `spec.traffic.istio.virtualService ${quote(choice.virtualService)} has no http route that leads to ${armNames(choice)}. Add one, or name the VirtualService that routes to them.`,
  );
}

function byName(rules: readonly Rule[], names: readonly string[], choice: Choice): Chosen {
  const known = [...new Set(rules.flatMap((rule) => rule.name ?? []))];
  const missing = names.find((name) => !known.includes(name));
  if (missing === undefined) {
    return { kind: 'rules', rules: rules.filter(({ name }) => name !== undefined && names.includes(name)) };
  }
  const has = known.length === 0 ? 'none of its http routes has a name' : `it has: ${known.join(', ')}`;
  return finding(
    'RouteNotFound',
    `spec.traffic.istio.virtualService ${quote(choice.virtualService)} has no http route named ${quote(missing)} (${has}). Name one of these, or leave \`routes\` out to steer all of them.`,
  );
}

/** With a share of its requests; a rule that gives the arms nothing is nobody's to steer. */
export function leadsToArms(rule: Rule): boolean {
  const isOurs = ({ role }: Entry): boolean => role === 'both' || role === 'unknownSubset';
  return rule.entries.some(isOurs) || armParts(rule.entries).total > 0;
}

function refuse(rule: Rule, choice: Choice): Refusal | undefined {
  const where = `VirtualService ${quote(choice.virtualService)}: ${describeRule(rule)}`;
  const instead = ['redirect', 'directResponse', 'delegate'].find((field) => field in rule.raw);
  if (instead !== undefined) {
    const other = instead === 'delegate' ? 'the VirtualService that it delegates to' : 'other routes';
    return finding(
      'RouteNotUnderstood',
      `${where} has a \`${instead}\` and no destinations to weigh. To name ${other}, or to leave it out of spec.traffic.istio.virtualService.routes, ${ANEW}.`,
    );
  }
  return refuseEntries(rule, where, choice) ?? refuseShares(rule, where, choice);
}

function refuseEntries(rule: Rule, where: string, choice: Choice): Refusal | undefined {
  const unknown = rule.entries.find(({ role }) => role === 'unknownSubset');
  if (unknown !== undefined) {
    return finding(
      'RouteNotUnderstood',
      `${where} sends requests to ${describeDestination(unknown.destination)}, which no DestinationRule defines. Add the subset with the labels of its pods, or correct the name.`,
    );
  }
  const both = rule.entries.find(({ role }) => role === 'both');
  if (both !== undefined) {
    return finding(
      'RouteNotUnderstood',
      `${where} sends requests to ${describeDestination(both.destination)}, which selects the pods of ${armNames(choice)} alike. Let it name a subset (or a Service) of each.`,
    );
  }
  for (const arm of ['stable', 'canary'] as const) {
    const [one, another] = rule.entries.filter(({ role }) => role === arm);
    if (one === undefined || another === undefined) continue;
    return finding(
      'RouteNotUnderstood',
      `${where} has two destinations for ${choice.arms[arm] ?? arm}: ${describeDestination(one.destination)} and ${describeDestination(another.destination)}. Leave one of them.`,
    );
  }
  return undefined;
}

function refuseShares(rule: Rule, where: string, choice: Choice): Refusal | undefined {
  const present = rule.entries.find(({ role }) => role === 'stable' || role === 'canary');
  const { total } = armParts(rule.entries);
  if (present === undefined || total <= 0) {
    return finding(
      'RouteNotUnderstood',
      `${where} gives no requests to ${armNames(choice)}. To name the routes that lead to them in spec.traffic.istio.virtualService.routes, ${ANEW}.`,
    );
  }
  for (const arm of ['stable', 'canary'] as const) {
    const isPresent = rule.entries.some(({ role }) => role === arm);
    if (isPresent || choice.arms[arm] === undefined || destinationOf(arm, present.destination, choice.mesh)) continue;
    return finding('RouteNotUnderstood', noDestination(where, arm, present, choice));
  }
  const hasOthers = rule.entries.some(({ role }) => role === 'other');
  const tooSmall = choice.plannedWeights.find(
    (weight) => weight > 0 && splitParts(total, weight, hasOthers).canary === 0,
  );
  if (tooSmall === undefined) return undefined;
  return finding(
    'RouteNotUnderstood',
    `${where} gives ${armNames(choice)} ${total} parts together, too few for a weight of ${tooSmall}. Multiply all weights of this route by 100.`,
  );
}

function noDestination(where: string, arm: 'stable' | 'canary', present: Entry, choice: Choice): string {
  const labels = Object.entries(choice.mesh[arm] ?? {}).map(([key, value]) => `${key}=${value}`);
  return `${where} leads to ${describeDestination(present.destination)}, and no subset of that host or Service selects the pods of ${choice.arms[arm] ?? arm} alone (labels ${labels.join(', ') || 'none'}). Add such a subset to the DestinationRule.`;
}

function armNames({ arms }: Choice): string {
  return [arms.stable, arms.canary].filter((name) => name !== undefined).join(' and ');
}

function finding(reason: string, message: string): Refusal {
  return { reason, message };
}

/** Weights that a strategy names, in both of its forms. */
export function plannedWeightsOf(strategy: unknown): readonly number[] {
  const short = listAt(strategy, 'canary', 'stepWeights');
  const long = listAt(strategy, 'canary', 'steps').map((step) => (isFields(step) ? step['setWeight'] : undefined));
  return [...short, ...long].filter((weight): weight is number => typeof weight === 'number');
}

/** Who last changed the object besides Serin, for drift sentences. */
export function lastChangedBy(managedFields: readonly unknown[], ourManager: string): string | undefined {
  const others = managedFields
    .filter((entry) => stringAt(entry, 'manager') !== ourManager && stringAt(entry, 'subresource') === undefined)
    .toSorted((a, b) => (stringAt(a, 'time') ?? '').localeCompare(stringAt(b, 'time') ?? ''));
  const last = others.at(-1);
  const manager = stringAt(last, 'manager');
  const time = stringAt(last, 'time');
  return manager === undefined ? undefined : `${manager}${time === undefined ? '' : ` at ${time}`}`;
}

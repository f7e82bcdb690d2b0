/**
 * Istio: weights of a VirtualService, between subsets of a DestinationRule or between Services. Only the arms' weights
 * (and a missing arm's destination) are written; other rules, other destinations and unknown fields stay as they are.
 * Long, because reading, writing and giving back have to see the same picture.
 */
import { at, listAt, sameJson, stringAt } from '../api/fields.ts';
import {
  ANEW,
  FIELD_MANAGERS,
  type Finding,
  type JsonPatchOperation,
  type KubeObject,
  type Patch,
  TYPES,
} from '../api/meta.ts';
import { quote } from '../api/units.ts';
import type { TrafficIntent, TrafficState } from '../release/observed.ts';
import type { Router, TrafficInput } from './port.ts';
import { besideDrift, besideOperations, refuseBeside, type Steering } from './istio/beside.ts';
import { chooseRules, type Chosen, leadsToArms, lastChangedBy, plannedWeightsOf } from './istio/choose.ts';
import { canonicalHost, describeDestination, destinationOf, isSame, type Mesh } from './istio/destination.ts';
import { armsOf, getsRequests, leftToCanary, type Picture, unseenPin } from './istio/left.ts';
import { isOwn } from './istio/own-routes.ts';
import { asPinned, pinPatches, stableLabels } from './istio/pin.ts';
import { armParts, describeRule, type Entry, entryOf, guardOf, type Rule, rulesOf } from './istio/rule.ts';
import { type MakeEntry, restored, splitParts, steered } from './istio/steer.ts';
import { before, rememberedOf, takenOf, takenRules, takenVirtualService } from './istio/taken.ts';

type Refusal = Finding & { readonly kind?: undefined };

export const istio: Router = {
  name: 'istio',
  needs: [
    { type: TYPES.virtualService, verbs: ['get', 'list', 'watch', 'patch'], because: 'weights of the two versions' },
    {
      type: TYPES.destinationRule,
      verbs: ['get', 'list', 'watch', 'patch'],
      because: 'which subset selects which pods; the stable one is pinned while a Deployment is released in place',
    },
    { type: TYPES.service, verbs: ['get', 'list', 'watch'], because: 'which pods a destination host leads to' },
  ],

  queries({ namespace, spec }) {
    const name = spec.traffic?.istio?.virtualService.name;
    return [
      ...(name === undefined
        ? []
        : [{ kind: 'object' as const, ref: { type: TYPES.virtualService, namespace, name } }]),
      { kind: 'all', type: TYPES.destinationRule, namespace },
      { kind: 'all', type: TYPES.service, namespace },
    ];
  },

  read(input) {
    const picture = pictureOf(input);
    if (picture.kind !== 'picture') return picture;
    return stateOf(input, picture);
  },

  snapshot(input) {
    const picture = pictureOf(input);
    return picture.kind === 'picture'
      ? takenOf(picture.virtualService.metadata.name, picture.rules, picture.mesh, armsOf(input))
      : undefined;
  },

  unrestored(input) {
    const picture = takenPicture(input);
    return picture.kind === 'picture' ? leftToCanary(input, picture) : undefined;
  },

  unseen(input) {
    const picture = takenPicture(input);
    return picture.kind === 'picture' ? unseenPin(input, picture) : undefined;
  },

  asTaken(traffic, taken) {
    const name = takenVirtualService(taken);
    return name === undefined || traffic?.istio?.virtualService.name === name
      ? traffic
      : { istio: { virtualService: { name } } };
  },

  write(input, intent) {
    const picture = intent.kind === 'restore' ? takenPicture(input) : pictureOf(input);
    if (picture.kind !== 'picture') return intent.kind === 'restore' ? pinsFor(input, [], intent) : [];
    const steer = steering(input, picture, intent);
    const weights = picture.rules.flatMap((rule) => operationsFor(rule, steer.routeOf(rule), picture.mesh));
    const operations = [...weights, ...besideOperations(steer)];
    const pins = pinsFor(input, picture.rules, intent);
    if (operations.length === 0) return pins;
    const name = picture.virtualService.metadata.name;
    const patch: Patch = {
      kind: 'json',
      target: { type: TYPES.virtualService, namespace: input.namespace, name },
      operations,
      fieldManager: FIELD_MANAGERS.traffic,
    };
    // Requests only reach the subset once it is what it should be; and it is opened or given back when they have left.
    const isOpened = intent.kind === 'restore' || intent.isOpen === true;
    return isOpened ? [patch, ...pins] : [...pins, patch];
  },
};

/** In force only between the first write and the last; a Deployment that replaces its own pods is not pinned. */
function pinsFor(input: TrafficInput, rules: readonly Rule[], intent: TrafficIntent): readonly Patch[] {
  const isPinned = intent.kind === 'weight' && intent.isOpen !== true && input.taken !== undefined;
  const hosts = rules.flatMap(({ entries }) => entries.map(({ destination }) => destination.host));
  return pinPatches(input, destinationRulesOf(input), isPinned ? hosts : undefined);
}

function destinationRulesOf(input: TrafficInput): readonly KubeObject[] {
  const only = input.spec.traffic?.istio?.destinationRule?.name;
  const rules = input.objects.all(TYPES.destinationRule, input.namespace);
  return rules.filter((rule) => only === undefined || rule.metadata.name === only);
}

function pictureOf(input: TrafficInput): Picture | Refusal {
  const spec = input.spec.traffic?.istio;
  if (spec === undefined) return { reason: 'InvalidSpec', message: 'spec.traffic.istio is missing. Write it.' };
  const name = spec.virtualService.name;
  const virtualService = input.objects.find(TYPES.virtualService, input.namespace, name);
  if (virtualService === undefined) return absent('virtualService', 'VirtualService', name, input.namespace);
  const ruleName = spec.destinationRule?.name;
  if (ruleName !== undefined && !input.objects.find(TYPES.destinationRule, input.namespace, ruleName)) {
    return absent('destinationRule', 'DestinationRule', ruleName, input.namespace);
  }
  const mesh = meshOf(input);
  const rules = rulesOf(virtualService, mesh).filter((rule) => !isOwn(rule));
  if (rules.length === 0) {
    const other = ['tcp', 'tls'].filter((field) => listAt(virtualService, 'spec', field).length > 0);
    const has = other.length === 0 ? 'no http routes' : `only ${other.join(' and ')} routes`;
    return {
      reason: 'RouteNotUnderstood',
      message: `spec.traffic.istio.virtualService ${quote(name)} has ${has}. Serin steers http routes: add one; to name another VirtualService, ${ANEW}.`,
    };
  }
  const chosen: Chosen = chooseRules(rules, {
    virtualService: name,
    names: spec.virtualService.routes,
    arms: { stable: input.stable.workload, canary: input.canary?.workload },
    mesh,
    plannedWeights: plannedWeightsOf(input.spec.strategy),
  });
  if (chosen.kind !== 'rules') return chosen;
  return (
    unusedDestinationRule(ruleName, chosen.rules, input) ??
    refuseStray(virtualService, chosen.rules, input) ??
    refuseBeside(virtualService, chosen.rules, input) ?? {
      kind: 'picture',
      virtualService,
      mesh,
      rules: chosen.rules,
    }
  );
}

/**
 * For giving back nothing is refused: what was taken is found again by name and left alone where it is gone. Rules that came
 * later and lead to the canary are taken along, or an abort would leave it requests.
 */
function takenPicture(input: TrafficInput): Picture | { readonly kind: 'nothing' } {
  const name = takenVirtualService(input.taken);
  const virtualService =
    name === undefined ? undefined : input.objects.find(TYPES.virtualService, input.namespace, name);
  if (virtualService === undefined) return { kind: 'nothing' };
  const mesh = { ...meshOf(input), remembered: rememberedOf(input.taken, armsOf(input)) };
  const named = input.spec.traffic?.istio?.virtualService;
  const isSteered = (rule: Rule): boolean =>
    named?.name === name && (named?.routes === undefined || named.routes.includes(rule.name ?? ''));
  const rules = rulesOf(virtualService, mesh).filter(
    (rule) =>
      !isOwn(rule) &&
      (before(input.taken, rule, mesh) !== undefined || (isSteered(rule) && armParts(rule.entries).canary > 0)),
  );
  return { kind: 'picture', virtualService, mesh, rules };
}

/** A destination that led to an arm when it was taken and leads to neither now would keep what it has when the canary's weight is lowered. */
function refuseStray(virtualService: KubeObject, rules: readonly Rule[], input: TrafficInput): Refusal | undefined {
  const remembered = rememberedOf(input.taken, armsOf(input));
  for (const rule of rules) {
    const stray = rule.entries.find(
      (entry) =>
        entry.role === 'other' &&
        getsRequests(rule, entry) &&
        remembered.some(({ destination }) => isSame(destination, entry.destination)),
    );
    if (stray === undefined) continue;
    return {
      reason: 'RouteNotUnderstood',
      message: `VirtualService ${quote(virtualService.metadata.name)}: ${describeRule(rule)} sends requests to ${describeDestination(stray.destination)}, which led to one of ${describeArms(input)} when the release began and leads to neither now. Give the pods the labels of the subset, or the subset those of the pods.`,
    };
  }
  return undefined;
}

const describeArms = ({ stable, canary }: TrafficInput): string =>
  [stable.workload, canary?.workload].filter((name) => name !== undefined).join(' and ');

function meshOf(input: TrafficInput): Mesh {
  return {
    namespace: input.namespace,
    services: input.objects.all(TYPES.service, input.namespace),
    destinationRules: asPinned(destinationRulesOf(input), input),
    stable: stableLabels(input),
    canary: input.canary?.podLabels,
  };
}

function absent(field: string, kind: string, name: string, namespace: string): Refusal {
  return {
    reason: 'RouteNotFound',
    message: `spec.traffic.istio.${field}.name is ${quote(name)}, but namespace ${namespace} has no ${kind} of that name. Create it; to name another, ${ANEW}.`,
  };
}

/** A named DestinationRule for another host is a slip that would otherwise show only as missing subsets. */
function unusedDestinationRule(
  name: string | undefined,
  rules: readonly Rule[],
  input: TrafficInput,
): Refusal | undefined {
  if (name === undefined) return undefined;
  const host = stringAt(input.objects.find(TYPES.destinationRule, input.namespace, name), 'spec', 'host') ?? '';
  const hosts = rules.flatMap((rule) => rule.entries.map(({ destination }) => destination.host));
  const isUsed = hosts.some((one) => canonicalHost(one, input.namespace) === canonicalHost(host, input.namespace));
  if (isUsed) return undefined;
  return {
    reason: 'RouteNotUnderstood',
    message: `spec.traffic.istio.destinationRule ${quote(name)} is for host ${quote(host)}, to which no steered route leads. To name the DestinationRule of ${[...new Set(hosts)].join(', ')}, or none, ${ANEW}.`,
  };
}

function stateOf(input: TrafficInput, picture: Picture): TrafficState {
  return {
    kind: 'traffic',
    canaryWeight: canaryWeightOf(input, picture),
    drift: driftOf(input, picture),
    ...(isPartial(picture) ? { isPartial: true } : {}),
  };
}

/** Nobody knows here where what is delegated leads to. */
function isPartial({ virtualService, mesh, rules }: Picture): boolean {
  const steered = new Set(rules.map(({ key }) => key));
  return rulesOf(virtualService, mesh).some(
    (rule) => !steered.has(rule.key) && !isOwn(rule) && ('delegate' in rule.raw || leadsToArms(rule)),
  );
}

/** The percentage that all rules agree on; where parts are coarse, a whole percentage that would be written like this. */
function canaryWeightOf(input: TrafficInput, { rules, mesh }: Picture): number | undefined {
  const percents = rules.map(({ entries }) => {
    const { total, canary } = armParts(entries);
    return total > 0 ? (100 * canary) / total : Number.NaN;
  });
  const first = percents[0];
  if (first !== undefined && percents.every((percent) => Math.abs(percent - first) < 1e-9)) return first;
  const isWritten = (weight: number): boolean =>
    rules.every((rule) => {
      const { total, canary } = armParts(rule.entries);
      const hasOthers = rule.entries.some(({ role }) => role === 'other');
      const share = splitParts(armParts(before(input.taken, rule, mesh) ?? rule.entries).total, weight, hasOthers);
      return canary * (share.stable + share.canary) === share.canary * total;
    });
  return Array.from({ length: 101 }, (_, weight) => weight).find(isWritten);
}

function driftOf(input: TrafficInput, picture: Picture): readonly string[] {
  if (input.taken === undefined) return [];
  const name = picture.virtualService.metadata.name;
  const by = lastChangedBy(listAt(picture.virtualService, 'metadata', 'managedFields'), FIELD_MANAGERS.traffic);
  const who = by === undefined ? '' : ` (last changed by ${by})`;
  const gone = takenRules(input.taken)
    .filter((taken) => !picture.rules.some((rule) => rule.key === stringAt(taken, 'key')))
    .map((taken) => `VirtualService ${quote(name)}: the route ${stringAt(taken, 'key') ?? ''} is gone${who}.`);
  const weight = input.intendedWeight;
  if (weight === undefined) return gone;
  const beside = input.intendedBeside === undefined ? {} : { beside: input.intendedBeside };
  const intent: TrafficIntent = { kind: 'weight', canaryWeight: weight, ...beside };
  const changed = picture.rules.flatMap((rule) => {
    const wanted = wantedRoute(rule, input, picture, intent);
    const now = rule.entries.map(({ raw }) => raw);
    if (sameJson(now, wanted)) return [];
    return [
      `VirtualService ${quote(name)}: ${describeRule(rule)} has ${listParts(rule.entries)} instead of ${listParts(wanted.map((raw) => entryOf(raw, picture.mesh)))}${who}.`,
    ];
  });
  const besides = besideDrift(steering(input, picture, intent)).map(
    (what) => `VirtualService ${quote(name)}: ${what}${who}.`,
  );
  return [...gone, ...changed, ...besides];
}

function listParts(entries: readonly Entry[]): string {
  return entries
    .filter(({ role }) => role === 'stable' || role === 'canary')
    .map(({ destination, weight }) => `${weight ?? 'no'} weight for ${describeDestination(destination)}`)
    .join(' and ');
}

function wantedRoute(rule: Rule, input: TrafficInput, picture: Picture, intent: TrafficIntent): readonly unknown[] {
  const taken = before(input.taken, rule, picture.mesh);
  const was = taken ?? rule.entries;
  if (armParts(was).total <= 0) return rule.entries.map(({ raw }) => raw);
  const make = makeEntry(picture.mesh);
  if (intent.kind === 'weight') return steered(rule.entries, was, intent.canaryWeight, make);
  const wanted = taken === undefined ? steered(rule.entries, was, 0, make) : restored(rule.entries, was, make);
  // Without a destination for stable nobody would get anything.
  const hasStable = wanted.some((raw) => entryOf(raw, picture.mesh).role === 'stable');
  return hasStable ? wanted : rule.entries.map(({ raw }) => raw);
}

function steering(input: TrafficInput, picture: Picture, intent: TrafficIntent): Steering {
  const isBeside = intent.kind === 'weight' && intent.isOpen !== true;
  const make = makeEntry(picture.mesh);
  return {
    virtualService: picture.virtualService,
    rules: picture.rules,
    beside: (isBeside ? intent.beside : undefined) ?? {},
    takenKeys: takenRules(input.taken).flatMap((rule) => stringAt(rule, 'key') ?? []),
    routeOf: (rule) => wantedRoute(rule, input, picture, intent),
    make,
  };
}

function makeEntry(mesh: Mesh): MakeEntry {
  return (arm, like) => {
    const found = destinationOf(arm, like.destination, mesh);
    if (found === undefined) return undefined;
    const { subset: _subset, ...destination } = { ...(at(like.raw, 'destination') as object) } as Record<
      string,
      unknown
    >;
    return { ...like.raw, destination: { ...destination, ...found } };
  };
}

/**
 * Giving the canary less is guarded by the destinations alone, so that a concurrent change of something else does not delay an
 * abort. Giving it more is guarded by the whole list that was read: what came in between may have been an abort. So is adding or
 * removing a destination: doing it twice would double the entry.
 */
function operationsFor(rule: Rule, wanted: readonly unknown[], mesh: Mesh): readonly JsonPatchOperation[] {
  const now = rule.entries.map(({ raw }) => raw);
  if (sameJson(now, wanted)) return [];
  const path = `/spec/http/${rule.index}`;
  const guard = guardOf(rule);
  const isSameShape =
    now.length === wanted.length &&
    now.every((entry, index) => sameJson(at(entry, 'destination'), at(wanted[index], 'destination')));
  const asRead: JsonPatchOperation = { op: 'test', path: `${path}/route`, value: now };
  if (!isSameShape) {
    return [...guard, asRead, { op: 'replace', path: `${path}/route`, value: wanted }];
  }
  const isRaise = canaryShare(wanted, mesh) > canaryShare(now, mesh);
  const destinations = now.map(
    (entry, index): JsonPatchOperation => ({
      op: 'test',
      path: `${path}/route/${index}/destination`,
      value: at(entry, 'destination'),
    }),
  );
  return [
    ...guard,
    ...(isRaise ? [asRead] : destinations),
    ...now.flatMap((entry, index) =>
      weightOperation(`${path}/route/${index}/weight`, at(entry, 'weight'), at(wanted[index], 'weight')),
    ),
  ];
}

function canaryShare(route: readonly unknown[], mesh: Mesh): number {
  const { total, canary } = armParts(route.map((raw) => entryOf(raw, mesh)));
  return total > 0 ? canary / total : 0;
}

function weightOperation(path: string, from: unknown, to: unknown): readonly JsonPatchOperation[] {
  if (from === to) return [];
  if (to === undefined) return [{ op: 'remove', path }];
  return [{ op: from === undefined ? 'add' : 'replace', path, value: to }];
}

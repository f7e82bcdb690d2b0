/**
 * service: the selector of the users' Service leads to one version, all or nothing, and that of a preview Service to the one that is
 * not live. Each write exchanges one field, `spec.selector`, guarded by what was read. Requests follow when the endpoints do; what is
 * open already stays with the old pods until clients or pods close it.
 */
import { labelsAt, listAt, sameJson, stringAt } from '../api/fields.ts';
import { ANEW, FIELD_MANAGERS, type Finding, type Patch, TYPES } from '../api/meta.ts';
import type { TakenState } from '../api/release.ts';
import { quote } from '../api/units.ts';
import type { TrafficIntent, TrafficState } from '../release/observed.ts';
import { lastChangedBy } from './istio/choose.ts';
import { isInPlace } from './istio/pin.ts';
import type { Router, TrafficInput } from './port.ts';
import { endpointsLacking, slicesOf } from './service/endpoints.ts';
import { ledInPlace, problemInPlace, weightInPlace } from './service/in-place.ts';
import { aimed, difference, foundBy, type Labels, type Switch, written } from './service/selector.ts';

type TakenTraffic = TakenState['traffic'];
type Refusal = Finding & { readonly kind?: undefined };
type Arm = 'stable' | 'canary';

export const service: Router = {
  name: 'service',
  needs: [
    {
      type: TYPES.service,
      verbs: ['get', 'list', 'watch', 'patch'],
      because: 'blueGreen switches the selector of the Services that it names',
    },
    {
      type: TYPES.endpointSlice,
      verbs: ['list'],
      because: 'a switch has arrived once the endpoints of the Service show the new pods and none of the old',
      isOnDemand: true,
    },
  ],

  queries({ namespace, spec, isOnTheWay = false }) {
    const name = spec.traffic?.service?.name;
    if (name === undefined) return [];
    // Also what was taken under another name: listing them is what the other routers do.
    const services = { kind: 'all' as const, type: TYPES.service, namespace };
    return isOnTheWay ? [services, slicesOf(namespace, name)] : [services];
  },

  read(input) {
    const switches = switchesOf(input);
    return 'reason' in switches ? switches : (refusalOf(input, switches) ?? stateOf(input, switches));
  },

  snapshot(input) {
    const switches = switchesOf(input);
    if ('reason' in switches) return undefined;
    const services = switches.map(({ role, name, now }) => ({ role, name, selector: now }));
    return { router: 'service', stable: input.stable.workload, services };
  },

  isWaiting(input, intent) {
    const switches = intent.kind === 'restore' ? takenSwitches(input) : switchesOf(input);
    if ('reason' in switches) return false;
    // Where no key leads to stable any more, users may be left with the version that is given up: nobody says that they are not.
    return switches.some((each) => each.role === 'active' && isLost(input, each, intent));
  },

  asTaken(traffic, taken) {
    const active = takenServices(taken).find((each) => stringAt(each, 'role') !== 'preview');
    const name = stringAt(active, 'name');
    return name === undefined || traffic?.service?.name === name ? traffic : { service: { name } };
  },

  awaits: endpointsLacking,

  write(input, intent) {
    const switches = intent.kind === 'restore' ? takenSwitches(input) : switchesOf(input);
    if ('reason' in switches) return [];
    return switches.flatMap((each) => {
      const wanted = wantedSelector(input, each, intent);
      return wanted === undefined || sameJson(wanted, each.now) ? [] : [patchOf(input, each, wanted)];
    });
  },
};

/** Guarded by the whole selector as it was read; it is atomic for server-side apply as well. */
function patchOf({ namespace }: TrafficInput, { name, now }: Switch, wanted: Labels): Patch {
  return {
    kind: 'json',
    target: { type: TYPES.service, namespace, name },
    operations: [
      { op: 'test', path: '/spec/selector', value: now },
      { op: 'replace', path: '/spec/selector', value: wanted },
    ],
    fieldManager: FIELD_MANAGERS.traffic,
  };
}

function switchesOf(input: TrafficInput): readonly Switch[] | Refusal {
  const { spec } = input;
  const active = spec.traffic?.service?.name;
  if (active === undefined) return { reason: 'InvalidSpec', message: 'spec.traffic.service is missing. Write it.' };
  const preview = spec.strategy?.blueGreen?.preview;
  const named = [
    { role: 'active' as const, field: 'spec.traffic.service.name', name: active },
    ...(preview === undefined
      ? []
      : [{ role: 'preview' as const, field: 'spec.strategy.blueGreen.preview', name: preview }]),
  ];
  const switches: Switch[] = [];
  for (const each of named) {
    const found = switchOf(input, each);
    if (found === undefined) {
      return {
        reason: 'RouteNotFound',
        message: `${each.field} is ${quote(each.name)}, but namespace ${input.namespace} has no Service of that name. Create it; to name another, ${ANEW}.`,
      };
    }
    switches.push(found);
  }
  return switches;
}

function switchOf(
  { objects, namespace, taken }: TrafficInput,
  named: Pick<Switch, 'role' | 'field' | 'name'>,
): Switch | undefined {
  const found = objects.find(TYPES.service, namespace, named.name);
  if (found === undefined) return undefined;
  const now = labelsAt(found, 'spec', 'selector');
  return { ...named, service: found, now, before: takenSelector(taken, named.name) ?? now };
}

/** What was taken is given back under the name it was taken by; what is gone is left alone. */
function takenSwitches(input: TrafficInput): readonly Switch[] {
  return takenServices(input.taken).flatMap((taken) => {
    const role = stringAt(taken, 'role') === 'preview' ? 'preview' : 'active';
    return switchOf(input, { role, field: '', name: stringAt(taken, 'name') ?? '' }) ?? [];
  });
}

const takenServices = (taken: TakenTraffic): readonly unknown[] =>
  stringAt(taken, 'router') === 'service' ? listAt(taken, 'services') : [];

function takenSelector(taken: TakenTraffic, name: string): Labels | undefined {
  const found = takenServices(taken).find((each) => stringAt(each, 'name') === name);
  return found === undefined ? undefined : labelsAt(found, 'selector');
}

/** What a Service is to select; `undefined` where it cannot lead to one version alone, so that nothing is written. */
function wantedSelector(input: TrafficInput, each: Switch, intent: TrafficIntent): Labels | undefined {
  if (isInPlace(input)) return ledInPlace(input, each, intent);
  if (intent.kind === 'restore')
    return each.role === 'active' ? leadTo(input, each, 'stable') : previewBefore(input, each);
  if (each.role === 'preview') return leadTo(input, each, 'canary');
  // All or nothing: a part of the requests is none.
  return leadTo(input, each, intent.canaryWeight >= 100 ? 'canary' : 'stable');
}

/** By the keys that it has now; where these are lost, by those that it had. What led to stable when it was taken still does. */
function leadTo(input: TrafficInput, { role, now, before }: Switch, arm: Arm): Labels | undefined {
  const { stable, canary } = input;
  const [one, other] = arm === 'stable' ? [stable, canary] : [canary, stable];
  if (one === undefined) return undefined;
  const others = other?.podLabels ?? {};
  const found = aimed(now, one.podLabels, others) ?? aimed(before, one.podLabels, others);
  return found ?? (arm === 'stable' && role === 'active' && isAsTaken(input) ? before : undefined);
}

const isAsTaken = ({ taken, stable }: TrafficInput): boolean => stringAt(taken, 'stable') === stable.workload;

function isLost(input: TrafficInput, each: Switch, intent: TrafficIntent): boolean {
  const isForStable = intent.kind === 'restore' || intent.canaryWeight < 100;
  return isForStable && input.taken !== undefined && wantedSelector(input, each, intent) === undefined;
}

/** Exactly as it was, unless the members have changed places meanwhile: then it leads to the one that is not live, as ever. */
function previewBefore(input: TrafficInput, each: Switch): Labels | undefined {
  return isAsTaken(input) ? each.before : (leadTo(input, each, 'canary') ?? each.before);
}

function refusalOf(input: TrafficInput, switches: readonly Switch[]): Refusal | undefined {
  const { taken, stable, canary } = input;
  const router = stringAt(taken, 'router');
  if (router !== undefined && router !== 'service') {
    return {
      reason: 'InvalidSpec',
      message: `spec.traffic names a Service now, but ${router} was steered before and is still to be given back. Put spec.traffic back, delete the Release, and write it anew.`,
    };
  }
  for (const each of switches) {
    const problem = isInPlace(input)
      ? problemInPlace(input, each)
      : problemOf(each, stable.podLabels, canary?.podLabels, [stable.workload, canary?.workload]);
    if (problem !== undefined) return { reason: 'RouteNotUnderstood', message: problem };
  }
  return undefined;
}

function problemOf(
  { role, field, name, now, before }: Switch,
  stable: Labels,
  canary: Labels | undefined,
  workloads: readonly (string | undefined)[],
): string | undefined {
  const where = `${field}: Service ${quote(name)}`;
  if (Object.keys(before).length === 0 && Object.keys(now).length === 0)
    return `${where} has no selector, so there is nothing to switch. Give it one that selects the pods of one version.`;
  if (canary === undefined) return undefined;
  const canSwitch = [now, before].some(
    (selector) => aimed(selector, stable, canary) !== undefined && aimed(selector, canary, stable) !== undefined,
  );
  if (!canSwitch) {
    const labels = difference(stable, canary);
    const advice =
      labels === ''
        ? 'Give their pod templates a label that differs, and select by it'
        : `Select by a label that they differ in (${labels})`;
    return `${where} selects ${written(now)}, which cannot lead to ${workloads.join(' or ')} alone. ${advice}.`;
  }
  // Later it is put back; at first sight nobody knows what was meant.
  const isUnclear = role === 'active' && before === now && !['one', 'other'].includes(foundBy(now, stable, canary));
  return isUnclear
    ? `${where} selects ${written(now)}, which is neither ${workloads.join(' nor ')} alone. Let it select the version that users get.`
    : undefined;
}

function stateOf(input: TrafficInput, switches: readonly Switch[]): TrafficState {
  const { stable, canary } = input;
  const active = switches.find(({ role }) => role === 'active');
  if (isInPlace(input)) {
    const canaryWeight = active === undefined ? undefined : weightInPlace(active);
    return { kind: 'traffic', canaryWeight, drift: driftOf(input, switches) };
  }
  const found = active === undefined ? 'neither' : foundBy(active.now, stable.podLabels, canary?.podLabels ?? {});
  const canaryWeight = found === 'one' ? 0 : found === 'other' ? 100 : undefined;
  return { kind: 'traffic', canaryWeight, drift: driftOf(input, switches) };
}

function driftOf(input: TrafficInput, switches: readonly Switch[]): readonly string[] {
  const { taken, intendedWeight, isIntendedOpen: isOpen = false } = input;
  if (taken === undefined || intendedWeight === undefined) return [];
  return switches.flatMap((each) => {
    const wanted = wantedSelector(input, each, { kind: 'weight', canaryWeight: intendedWeight, isOpen });
    if (wanted === undefined || sameJson(wanted, each.now)) return [];
    const by = lastChangedBy(listAt(each.service, 'metadata', 'managedFields'), FIELD_MANAGERS.traffic);
    const who = by === undefined ? '' : ` (last changed by ${by})`;
    return [`Service ${quote(each.name)} selects ${written(each.now)} instead of ${written(wanted)}${who}.`];
  });
}

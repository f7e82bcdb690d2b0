/**
 * What can be wrong with a Release beyond its schema: combinations, plans that cannot work, probabilities that mean nothing.
 * Total: any JSON gives findings, never an exception. The schema's own rules are checked again for older servers.
 */
import { planOf } from '../release/plan.ts';
import { switchOf } from '../release/switching.ts';
import { windowFindings } from '../release/windows.ts';
import { combinationOf, ownsSteps, ROUTERS, STRATEGIES, TODAY, WORKLOADS } from './combinations.ts';
import { fieldsAt } from './fields.ts';
import { type Finding, invalid } from './meta.ts';
import { type AnalysisSpec, ReleaseSpec } from './release.ts';
import { shapeFindings } from './shape.ts';
import { formatDuration, quote, readDurationMs, readPercent, units } from './units.ts';

/** Smaller than this no canary would ever be aborted; beyond a half, healthy ones mostly would. */
const FALSE_ABORT = { least: 1e-6, most: 0.5 };
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** What keeps a Release from working, whatever else exists in the cluster; empty when nothing does. */
export function validateRelease(spec: unknown): readonly Finding[] {
  const fit = combinationFindings(spec);
  if (fit.length > 0) return fit;
  const shape = shapeFindings(ReleaseSpec, spec, 'spec');
  if (shape.length > 0) return shape;
  const release = spec as ReleaseSpec; // just checked against its schema
  return [
    ...memberFindings(release),
    ...planFindings(release),
    ...replicaFindings(release),
    ...(release.analysis === undefined ? [] : analysisFindings(release.analysis)),
    ...(release.strategy?.canary?.steps ?? []).flatMap(({ analysis }, index) =>
      analysis === undefined ? [] : referenceFindings(analysis, `spec.strategy.canary.steps[${index}].analysis`),
    ),
    ...phaseFindings(release),
    ...windowFindings(release),
    ...notifyFindings(release),
  ];
}

/** Steps that somebody else's object has are known only with that object. */
function planFindings(release: ReleaseSpec): readonly Finding[] {
  if (Object.keys(release.workload).some(ownsSteps)) return timeFindings(release, []);
  const plan = planOf(release);
  return plan.kind === 'plan' ? timeFindings(release, plan.steps) : [plan];
}

/** Also for fields that the CRD does not have yet: what a newer or older example names is answered with what to write. */
function combinationFindings(spec: unknown): readonly Finding[] {
  const workload = oneOf(spec, 'workload', WORKLOADS, TODAY.workloads);
  if (workload.kind === 'name' && ownsSteps(workload.name)) return ownStepsFindings(spec, workload.name);
  const strategy = oneOf(spec, 'strategy', STRATEGIES, TODAY.strategies);
  const hasTraffic = Object.hasOwn(fieldsAt(spec), 'traffic');
  const router = hasTraffic
    ? oneOf(spec, 'traffic', ROUTERS, TODAY.routers)
    : ({ kind: 'name', name: 'none' } as const);
  const problems = [workload, strategy, router].filter((one) => one.kind === 'finding');
  if (problems.length > 0) return problems.map(({ finding }) => finding);
  if (workload.kind !== 'name' || strategy.kind !== 'name' || router.kind !== 'name') return [];
  const found = combinationOf(workload.name, strategy.name, router.name);
  const what = `spec: ${workload.name} with strategy ${strategy.name} and ${router.name === 'none' ? 'no router' : `router ${router.name}`}`;
  if (found.kind === 'never') return [invalid(`${what} do not go together. ${found.because}`)];
  if (found.kind === 'works') return [];
  return [
    invalid(
      `${what} is not built yet. Write workload ${TODAY.workloads.join(' or ')}, strategy ${TODAY.strategies.join(' or ')} and router ${TODAY.routers.join(' or ')}.`,
    ),
  ];
}

/** Its own controller has the steps: here they would be said twice. */
function ownStepsFindings(spec: unknown, workload: (typeof WORKLOADS)[number]): readonly Finding[] {
  const named = ['strategy', 'traffic'].filter((field) => Object.hasOwn(fieldsAt(spec), field));
  const found = combinationOf(workload, 'canary', 'none');
  if (named.length > 0 && found.kind === 'never')
    return [invalid(`spec: ${workload} and ${named.join(' and ')} do not go together. ${found.because}`)];
  if (TODAY.workloads.some((name) => name === workload)) return [];
  return [invalid(`spec.workload names ${workload}, which is not built yet. Write ${TODAY.workloads.join(' or ')}.`)];
}

type OneOf<T extends string> =
  | { readonly kind: 'name'; readonly name: T }
  | { readonly kind: 'finding'; readonly finding: Finding };

function oneOf<T extends string>(spec: unknown, field: string, known: readonly T[], today: readonly T[]): OneOf<T> {
  const written = Object.keys(fieldsAt(spec, field));
  const names = known.filter((name) => written.includes(name));
  const [only] = names;
  if (only !== undefined && names.length === 1) return { kind: 'name', name: only };
  const has = names.length === 0 ? 'names none' : `names ${names.join(' and ')}`;
  return {
    kind: 'finding',
    finding: invalid(`spec.${field} ${has}. Write exactly one of: ${today.join(', ')}.`),
  };
}

function memberFindings({ workload }: ReleaseSpec): readonly Finding[] {
  const [first, second] = workload.pair?.members ?? [];
  if (first === undefined || first !== second) return [];
  return [invalid(`spec.workload.pair.members names ${quote(first)} twice. Name two different Deployments.`)];
}

function timeFindings(
  spec: ReleaseSpec,
  steps: readonly { readonly kind: string; readonly durationMs?: number; readonly atLeastMs?: number }[],
): readonly Finding[] {
  if (readDurationMs(spec.analysis?.retryAfter) === 0) {
    return [invalid('spec.analysis.retryAfter is 0s, so a bad revision would come back at once. Write e.g. 10m.')];
  }
  const deadlineMs = readDurationMs(spec.progressDeadline);
  if (deadlineMs === undefined) return [];
  if (deadlineMs === 0)
    return [
      invalid(
        'spec.progressDeadline is 0s, so every release would be held at once. Write a longer time, or leave it out.',
      ),
    ];
  const leastMs = steps.reduce((sum, step) => sum + (step.durationMs ?? step.atLeastMs ?? 0), 0);
  if (leastMs <= deadlineMs) return [];
  return [
    invalid(
      `spec.progressDeadline is ${quote(spec.progressDeadline)}, but the steps alone wait ${formatDuration(leastMs)}. Make the deadline longer than the steps.`,
    ),
  ];
}

function replicaFindings({ strategy, traffic }: ReleaseSpec): readonly Finding[] {
  const index = (strategy?.canary?.steps ?? []).findIndex((step) => step.setReplicas !== undefined);
  if (index < 0 || traffic !== undefined) return [];
  return [
    invalid(
      `spec.strategy.canary.steps[${index}].setReplicas needs a router: without spec.traffic the replica counts are the weights. Name a router, or take the step out.`,
    ),
  ];
}

/** What both analyses share is written beside them. */
const SHARED = /spec\.analysis(?=\.(falseAbort|retreatAfter|retryAfter|retryLimit)\b)/g;

/** The analyses of a switch, in the words of the one that other strategies have. */
function phaseFindings({ strategy }: ReleaseSpec): readonly Finding[] {
  const written = switchOf({ strategy: strategy ?? {} });
  if (written === undefined) return [];
  const field = `${written.field}.analysis`;
  const { before, after, ...shared } = written.how.analysis ?? {};
  if (readDurationMs(shared.retryAfter) === 0)
    return [invalid(`${field}.retryAfter is 0s, so a bad revision would come back at once. Write e.g. 10m.`)];
  return Object.entries({ before, after }).flatMap(([phase, one]) =>
    one === undefined
      ? []
      : analysisFindings({ ...shared, ...one }).map(({ reason, message }) => ({
          reason,
          message: message.replaceAll(SHARED, field).replaceAll('spec.analysis', `${field}.${phase}`),
        })),
  );
}

const DURATIONS = ['retreatAfter', 'interval', 'warmUp', 'dwell', 'atMost', 'history', 'retryAfter'] as const;

function analysisFindings(analysis: AnalysisSpec): readonly Finding[] {
  const unreadable = DURATIONS.find(
    (field) => analysis[field] !== undefined && readDurationMs(analysis[field]) === undefined,
  );
  if (unreadable !== undefined) {
    return [invalid(`spec.analysis.${unreadable} is ${quote(analysis[unreadable])}. Write ${units.duration.written}.`)];
  }
  return [
    ...probabilityFindings(analysis),
    ...lengthFindings(analysis),
    ...referenceFindings(analysis, 'spec.analysis'),
  ];
}

function probabilityFindings({ falseAbort }: AnalysisSpec): readonly Finding[] {
  if (falseAbort === undefined) return [];
  const fraction = readPercent(falseAbort);
  if (fraction !== undefined && fraction >= FALSE_ABORT.least && fraction <= FALSE_ABORT.most) return [];
  return [invalid(`spec.analysis.falseAbort is ${quote(falseAbort)}. Write a percentage from 0.0001% to 50%.`)];
}

function lengthFindings({ dwell, atMost, interval, retreatAfter }: AnalysisSpec): readonly Finding[] {
  const [dwellMs, atMostMs, intervalMs] = [readDurationMs(dwell), readDurationMs(atMost), readDurationMs(interval)];
  if (intervalMs !== undefined && intervalMs < 1000) {
    return [
      invalid(`spec.analysis.interval is ${quote(interval)}. Write at least 1s, and a multiple of the service's grid.`),
    ];
  }
  if (readDurationMs(retreatAfter) === 0) {
    return [
      invalid('spec.analysis.retreatAfter is 0s, so the first missed poll would move traffic back. Write e.g. 30m.'),
    ];
  }
  if (dwellMs === undefined || atMostMs === undefined || dwellMs <= atMostMs) return [];
  return [
    invalid(
      `spec.analysis.dwell is ${quote(dwell)}, longer than atMost, so no weight could ever pass. Make atMost the longer one.`,
    ),
  ];
}

function referenceFindings(
  { templates, args = [] }: Pick<AnalysisSpec, 'templates' | 'args'>,
  where: string,
): readonly Finding[] {
  const keys = templates.map(
    ({ name, clusterScope, group = '' }) => `${group}/${clusterScope === true ? 'cluster' : 'namespace'}/${name}`,
  );
  const twice = keys.findIndex((key, index) => keys.indexOf(key) !== index);
  if (twice >= 0) {
    return [
      invalid(
        `${where}.templates[${twice}] names ${quote(templates[twice]?.name)} again, and its evidence would count twice. Name it once.`,
      ),
    ];
  }
  const names = args.map(({ name }) => name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) return [invalid(`${where}.args has ${quote(repeated)} twice. Give it one value.`)];
  const valueless = args.find(
    ({ value, valueFrom }) => value === undefined && Object.keys(valueFrom ?? {}).length !== 1,
  );
  if (valueless !== undefined) {
    return [invalid(`${where}.args has no value for ${quote(valueless.name)}. Write one, or leave the argument out.`)];
  }
  const broken = args.findIndex(({ value = '' }) => CONTROL.test(value) || value.includes('{{'));
  if (broken < 0) return [];
  return [
    invalid(
      `${where}.args[${broken}].value is ${quote(args[broken]?.value)}. Write a value without line breaks and without {{…}}.`,
    ),
  ];
}

function notifyFindings({ notify = [] }: ReleaseSpec): readonly Finding[] {
  const index = notify.findIndex(({ slack, webhook }) => (slack === undefined) === (webhook === undefined));
  if (index < 0) return [];
  return [invalid(`spec.notify[${index}] needs exactly one of slack and webhook. Keep one of them.`)];
}

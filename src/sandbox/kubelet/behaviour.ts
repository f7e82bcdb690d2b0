/**
 * What a sandbox app does, read from pod annotations `sandbox.serin.dev/<name>` or, where there is none, from the
 * container's environment (`SANDBOX_ERROR_RATE` for `error-rate`). A value may change over the pod's life:
 * `0.005, 0.05 after 30s`.
 */
import { readDurationMs } from '../../api/units.ts';
import { SerinError } from '../../errors.ts';
import { normal } from '../random.ts';

const ANNOTATION_PREFIX = 'sandbox.serin.dev/';

/** Draws one latency in milliseconds. */
export type Latency = (random: () => number) => number;

/** A value over the life of a pod, by its age. */
type Schedule<T> = (ageMs: number) => T;

interface Call {
  readonly authority: string;
  readonly path: string;
}

export interface Behaviour {
  readonly version: string;
  /** Fraction of requests answered with `errorStatus`. */
  readonly errorRate: Schedule<number>;
  readonly errorStatus: number;
  readonly latency: Schedule<Latency>;
  readonly readyAfterMs: number;
  /** Age at which the app ends with an error; `undefined`: never. It does so after every restart. */
  readonly crashAfterMs: number | undefined;
  /** Services that are called before the answer, one after the other. */
  readonly calls: readonly Call[];
  /** Headers handed on to those calls, lower case. */
  readonly propagate: readonly string[];
}

export type Settings = (name: string) => string | undefined;

/** Annotations first, then environment variables. */
export function settingsOf(
  annotations: Readonly<Record<string, string>>,
  env: readonly { readonly name: string; readonly value?: string }[],
): Settings {
  return (name) =>
    annotations[`${ANNOTATION_PREFIX}${name}`] ??
    env.find((each) => each.name === `SANDBOX_${name.toUpperCase().replaceAll('-', '_')}`)?.value;
}

/** Throws `SERIN_E_INVALID_SPEC` naming the annotation. */
export function parseBehaviour(settings: Settings, version: string): Behaviour {
  const crashAfter = settings('crash-after');
  return {
    version: settings('version') ?? version,
    errorRate: parseSchedule(settings('error-rate') ?? '0', 'error-rate', parseRate),
    errorStatus: parseStatus(settings('error-status') ?? '500'),
    latency: parseSchedule(settings('latency') ?? '0ms', 'latency', parseLatency),
    readyAfterMs: parseDuration(settings('ready-after') ?? '0s', 'ready-after'),
    crashAfterMs: crashAfter === undefined ? undefined : parseDuration(crashAfter, 'crash-after'),
    calls: list(settings('calls')).map(parseCall),
    propagate: list(settings('propagate') ?? 'x-request-id, baggage, traceparent, tracestate').map((name) =>
      name.toLowerCase(),
    ),
  };
}

function list(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function refuse(name: string, value: string, fix: string): never {
  throw new SerinError('SERIN_E_INVALID_SPEC', `Annotation ${ANNOTATION_PREFIX}${name} is "${value}". Write ${fix}.`);
}

function parseDuration(text: string, name: string): number {
  return readDurationMs(text.trim()) ?? refuse(name, text, 'a duration such as 1.5s');
}

function parseStatus(text: string): number {
  const status = Number(text);
  if (Number.isInteger(status) && status >= 200 && status <= 599) return status;
  return refuse('error-status', text, 'an HTTP status from 200 to 599');
}

function parseRate(text: string): number {
  const isPercent = text.endsWith('%');
  const rate = Number(isPercent ? text.slice(0, -1) : text) / (isPercent ? 100 : 1);
  if (text !== '' && rate >= 0 && rate <= 1) return rate;
  return refuse('error-rate', text, 'a fraction such as 0.05 or a percentage such as 5%');
}

const DISTRIBUTION = /^(lognormal|uniform|exponential|constant)\(([^()]*)\)$/;

/** `20ms`, `constant(20ms)`, `uniform(10ms,30ms)`, `exponential(20ms)` (mean), `lognormal(50ms,0.6)` (median, sigma). */
export function parseLatency(text: string): Latency {
  const fix = 'a duration or lognormal(50ms,0.6), uniform(10ms,30ms), exponential(20ms), constant(20ms)';
  const plain = readDurationMs(text);
  if (plain !== undefined) return () => plain;
  const [, kind, inside = ''] = DISTRIBUTION.exec(text) ?? [];
  const [first = '', second = ''] = inside.split(',').map((each) => each.trim());
  const ms = readDurationMs(first);
  if (ms === undefined) return refuse('latency', text, fix);
  if (kind === 'constant') return () => ms;
  if (kind === 'exponential') return (random) => -ms * Math.log(1 - random());
  if (kind === 'uniform') {
    const most = readDurationMs(second) ?? refuse('latency', text, fix);
    return (random) => ms + (most - ms) * random();
  }
  const sigma = Number(second);
  if (kind !== 'lognormal' || second === '' || !(sigma >= 0 && sigma <= 5)) return refuse('latency', text, fix);
  return (random) => ms * Math.exp(sigma * normal(random));
}

/** `a, b after 30s, c after 1m`: commas inside parentheses belong to the value. */
function parseSchedule<T>(text: string, name: string, parse: (value: string) => T): Schedule<T> {
  const parts = text.split(/,(?![^(]*\))/).map((part) => part.trim());
  const stages = parts.map((part, index) => {
    const [value = '', after] = part.split(/\s+after\s+/);
    if (index > 0 && after === undefined) refuse(name, text, 'every value but the first as "VALUE after DURATION"');
    return { value: parse(value.trim()), fromMs: after === undefined ? 0 : parseDuration(after, name) };
  });
  const [first] = stages;
  if (first === undefined) return refuse(name, text, 'a value');
  return (ageMs) => (stages.findLast(({ fromMs }) => fromMs <= ageMs) ?? first).value;
}

/** `forecast`, `forecast:80/today` or `http://forecast.shop/today`. */
function parseCall(text: string): Call {
  const bare = text.replace(/^http:\/\//, '');
  const slash = bare.indexOf('/');
  const authority = slash === -1 ? bare : bare.slice(0, slash);
  if (!/^[a-z0-9.-]+(:\d+)?$/i.test(authority)) refuse('calls', text, 'a Service such as forecast:80/path');
  return { authority, path: slash === -1 ? '/' : bare.slice(slash) };
}

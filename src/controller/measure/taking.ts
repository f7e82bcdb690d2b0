/** One measurement: secrets put in, the provider asked, conditions evaluated, secrets taken out of all that is kept. */
import { fieldsAt } from '../../api/fields.ts';
import type { ResolvedMeasure, SecretArgument } from '../../api/measure.ts';
import type { Clock } from '../../clock.ts';
import { messageOf } from '../../errors.ts';
import { assessMeasured, type Measured } from '../../expression/condition.ts';
import type { Measurement, MetricResult } from '../../judge/argo/measure.ts';
import type { Taken } from '../../judge/argo/record.ts';
import type { MeasureTask } from '../../judge/argo/schedule.ts';
import type { MeasureRequest, Provider, ProviderName, Providers, Reading } from '../../providers/port.ts';
import { redactor } from '../../providers/redact.ts';
import { fillSecrets } from './filling.ts';

export interface TakingDeps {
  readonly providers: Providers;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly onMeasured?: (provider: ProviderName, result: 'ok' | 'error', durationMs: number) => void;
}

export interface TakingRun {
  readonly ref: MeasureRequest['run'];
  readonly secrets: readonly SecretArgument[];
  readonly readSecret: (secret: SecretArgument) => Promise<string>;
}

const NAMES = ['prometheus', 'web', 'job'] as const;

export async function take(
  deps: TakingDeps,
  run: TakingRun,
  measure: ResolvedMeasure,
  task: MeasureTask,
  before: MetricResult | undefined,
  signal: AbortSignal,
): Promise<Taken> {
  const startedMs = deps.clock.nowMs();
  const startedAt = task.measurement?.startedAt ?? new Date(startedMs).toISOString();
  const name = NAMES.find((each) => Object.hasOwn(measure.provider, each));
  if (name === undefined) return ended(deps, startedAt, error('The metric has no provider. Make another run.'));
  const provider = deps.providers[name];
  if (task.kind !== 'run') {
    const request = requestOf(run, measure, name, before);
    const reading = await orError(signal, () => goOn(provider, request, task, signal));
    return ended(deps, startedAt, task.kind === 'terminate' ? terminated(reading) : assess(reading, measure, deps));
  }
  const filled = await fillSecrets(measure, run.secrets, run.readSecret);
  if (filled.kind === 'error') return ended(deps, startedAt, error(filled.message));
  const reading = await orError(signal, () => provider.measure(requestOf(run, filled.measure, name, before), signal));
  deps.onMeasured?.(name, reading.kind === 'error' ? 'error' : 'ok', deps.clock.nowMs() - startedMs);
  const outcome = assess(reading, filled.measure, deps);
  const isCondition = reading.kind === 'value' && outcome.phase === 'Error';
  // The text of a condition is cut to fit, and half a secret is not found any more.
  const told = isCondition && filled.isConditionSecret ? { ...outcome, message: SECRET_CONDITION } : outcome;
  const query = name === 'prometheus' ? fieldsAt(measure, 'provider', 'prometheus')['query'] : undefined;
  return {
    ...ended(deps, startedAt, clean(told, redactor(filled.secrets))),
    // With its placeholders: what was put in for them may be a secret.
    ...(typeof query === 'string' ? { metadata: { ResolvedPrometheusQuery: query } } : {}),
  };
}

const SECRET_CONDITION = 'A condition that holds a secret could not be evaluated. Try it with a plain value.';

type Outcome = Omit<Measurement, 'startedAt' | 'finishedAt'> & { readonly isReal: boolean };

const error = (message: string): Outcome => ({ phase: 'Error', message, isReal: false });

function requestOf(
  { ref }: TakingRun,
  measure: ResolvedMeasure,
  provider: ProviderName,
  before: MetricResult | undefined,
): MeasureRequest {
  // As Argo: all that were ever taken, and this one.
  const number = (before?.count ?? 0) + (before?.error ?? 0) + 1;
  return { run: ref, metric: measure.name, number, settings: fieldsAt(measure, 'provider', provider) };
}

async function goOn(
  provider: Provider,
  request: MeasureRequest,
  { kind, measurement }: MeasureTask,
  signal: AbortSignal,
): Promise<Reading> {
  const metadata = measurement?.metadata ?? {};
  const startedAtMs = Date.parse(measurement?.startedAt ?? '') || 0;
  const gone: Reading = { kind: 'error', message: 'The measurement was cut off. It is taken again.' };
  if (kind === 'terminate') return (await provider.terminate?.(request, metadata, signal)) ?? gone;
  return (await provider.resume?.(request, metadata, startedAtMs, signal)) ?? gone;
}

/** A provider answers with errors; what it throws nevertheless must not keep the others from being stored. */
async function orError(signal: AbortSignal, work: () => Promise<Reading>): Promise<Reading> {
  try {
    return await work();
  } catch (thrown) {
    signal.throwIfAborted();
    return { kind: 'error', message: messageOf(thrown) };
  }
}

/** Argo's word for one that its siblings, or the end of the run, cut off. */
function terminated(reading: Reading): Outcome {
  if (reading.kind === 'error') return error(reading.message);
  const phase = reading.kind === 'phase' ? reading.phase : 'Inconclusive';
  const metadata = reading.kind === 'phase' && reading.metadata !== undefined ? { metadata: reading.metadata } : {};
  return { phase, message: 'Metric Terminated', ...metadata, isReal: false };
}

function assess(reading: Reading, measure: ResolvedMeasure, { clock }: TakingDeps): Outcome {
  switch (reading.kind) {
    case 'error':
      return error(reading.message);
    case 'underWay': {
      const resumeAt = new Date(reading.resumeAtMs).toISOString();
      return { phase: 'Running', metadata: reading.metadata, resumeAt, isReal: false };
    }
    case 'phase': {
      const { phase, message, metadata } = reading;
      return {
        phase,
        ...(message === undefined ? {} : { message }),
        ...(metadata === undefined ? {} : { metadata }),
        isReal: true,
      };
    }
    case 'value': {
      const { phase, message } = assessMeasured(reading.measured, measure, clock.nowMs());
      return {
        phase,
        ...(message === undefined ? {} : { message }),
        value: reading.shown,
        ...(reading.metadata === undefined ? {} : { metadata: reading.metadata }),
        isReal: isReal(reading.measured),
      };
    }
  }
}

/** NaN only, nothing, an empty answer: what a condition says of these is said of no data. */
function isReal(measured: Measured): boolean {
  if (measured.kind === 'number') return !Number.isNaN(measured.value);
  if (measured.kind === 'numbers') return measured.values.some((value) => !Number.isNaN(value));
  const { value } = measured;
  if (value === null || value === undefined || value === '') return false;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}

function clean(outcome: Outcome, redact: (text: string) => string): Outcome {
  const { message, value, metadata } = outcome;
  return {
    ...outcome,
    ...(message === undefined ? {} : { message: redact(message) }),
    ...(value === undefined ? {} : { value: redact(value) }),
    ...(metadata === undefined
      ? {}
      : { metadata: Object.fromEntries(Object.entries(metadata).map(([key, text]) => [key, redact(text)])) }),
  };
}

function ended({ clock }: TakingDeps, startedAt: string, { isReal: real, ...outcome }: Outcome): Taken {
  const isOver = outcome.phase !== 'Running';
  const finishedAt = new Date(clock.nowMs()).toISOString();
  return { measurement: { ...outcome, startedAt, ...(isOver ? { finishedAt } : {}) }, isReal: real };
}

/** Phases of measured metrics and of runs. Each case names its place in Argo Rollouts' analysis/analysis.go (A) or utils (H helpers, E evaluate). */
import { describe, expect, test } from 'vitest';
import type { ArgoPhase, Measure, Measurement, MetricResult } from '../../../../src/judge/argo/measure.ts';
import { effectiveCount } from '../../../../src/judge/argo/measure.ts';
import { exceededLimit, metricPhase } from '../../../../src/judge/argo/metric-phase.ts';
import { recordMeasurement } from '../../../../src/judge/argo/record.ts';
import { assessRun, isTerminating } from '../../../../src/judge/argo/run-phase.ts';
import { dueMeasurements, nextStartMs } from '../../../../src/judge/argo/schedule.ts';

const T0 = Date.parse('2026-11-21T09:00:00Z');
const at = (s: number): string => new Date(T0 + s * 1000).toISOString();
const LETTERS: Readonly<Record<string, ArgoPhase>> = { S: 'Successful', F: 'Failed', I: 'Inconclusive', E: 'Error' };
const ms = (m: Omit<Measure, 'name'>, name = 'm'): Measure => ({ name, ...m });

/** `SSF`: measurements one after another, each phase by its letter; `R` at the end is one under way. */
function after(measure: Measure, letters: string): MetricResult | undefined {
  let result: MetricResult | undefined;
  for (const [index, letter] of Array.from(letters).entries()) {
    const phase = LETTERS[letter] ?? 'Running';
    const end = phase === 'Running' ? {} : { finishedAt: at(index * 10) };
    const measurement: Measurement = { phase, startedAt: at(index * 10), ...end };
    result = recordMeasurement(measure, result, { measurement, isReal: true });
  }
  return result;
}

const EVERY = { intervalMs: 60_000 };

/** settings, measurements, expected phase, source */
const CASES: readonly (readonly [string, Omit<Measure, 'name'>, string, ArgoPhase])[] = [
  ['never measured: A:579', {}, '', 'Pending'],
  ['one success is all: A EffectiveCount', {}, 'S', 'Successful'],
  ['one failure: failureLimit 0', {}, 'F', 'Failed'],
  ['one inconclusive: inconclusiveLimit 0', {}, 'I', 'Inconclusive'],
  ['one error: consecutiveErrorLimit 4', {}, 'E', 'Running'],
  ['four errors', {}, 'EEEE', 'Running'],
  ['five errors', {}, 'EEEEE', 'Error'],
  ['errors are no measurements: then a success', {}, 'EEES', 'Successful'],
  ['errors do not add up over a success: A:385', { ...EVERY, count: 9 }, 'EEEESEEEE', 'Running'],
  ['errors do not add up over a failure', { ...EVERY, count: 9, failureLimit: 1 }, 'EEEEFEEEE', 'Running'],
  ['consecutiveErrorLimit 0', { consecutiveErrorLimit: 0 }, 'E', 'Error'],
  ['consecutiveErrorLimit 1, one error', { consecutiveErrorLimit: 1 }, 'E', 'Running'],
  ['consecutiveErrorLimit 1, two errors', { consecutiveErrorLimit: 1 }, 'EE', 'Error'],
  ['under way: A:595', {}, 'R', 'Running'],
  ['under way after a failure within the limit', { ...EVERY, count: 3, failureLimit: 1 }, 'FR', 'Running'],
  ['under way hides a limit until it ends', { ...EVERY, count: 3 }, 'FR', 'Running'],
  ['count 3, two of them', { ...EVERY, count: 3 }, 'SS', 'Running'],
  ['count 3, all of them', { ...EVERY, count: 3 }, 'SSS', 'Successful'],
  ['count 3 with a tolerated failure', { ...EVERY, count: 3, failureLimit: 1 }, 'SFS', 'Successful'],
  [
    'count 3 with all failures tolerated: only the limit counts',
    { ...EVERY, count: 3, failureLimit: 3 },
    'FFF',
    'Successful',
  ],
  ['count 3 with one failure too many', { ...EVERY, count: 3, failureLimit: 1 }, 'FF', 'Failed'],
  ['the limit is over at once, not at the end', { ...EVERY, count: 9 }, 'SF', 'Failed'],
  ['the limit is strict', { ...EVERY, count: 9, failureLimit: 2 }, 'FF', 'Running'],
  ['and then exceeded', { ...EVERY, count: 9, failureLimit: 2 }, 'FFF', 'Failed'],
  ['failures are counted in total, not in a row', { ...EVERY, count: 9, failureLimit: 1 }, 'FSSF', 'Failed'],
  ['inconclusive within the limit', { ...EVERY, count: 3, inconclusiveLimit: 1 }, 'SIS', 'Successful'],
  ['inconclusive beyond the limit', { ...EVERY, count: 3, inconclusiveLimit: 1 }, 'II', 'Inconclusive'],
  ['inconclusive in total', { ...EVERY, count: 9, inconclusiveLimit: 1 }, 'ISSI', 'Inconclusive'],
  ['interval only runs on: A EffectiveCount nil', EVERY, 'SSSSSSSS', 'Running'],
  ['interval only fails', EVERY, 'SSF', 'Failed'],
  ['interval only with tolerance', { ...EVERY, failureLimit: 2 }, 'FSF', 'Running'],
  ['count 0 is no count: 2.12', { count: 0 }, 'S', 'Successful'],
  ['count 0 with an interval runs on: 2.12', { ...EVERY, count: 0 }, 'SSS', 'Running'],
  ['consecutive successes reached: A:614', { ...EVERY, consecutiveSuccessLimit: 2 }, 'SS', 'Successful'],
  ['consecutive successes interrupted', { ...EVERY, consecutiveSuccessLimit: 2, failureLimit: 1 }, 'SFS', 'Running'],
  [
    'consecutive successes after a failure',
    { ...EVERY, consecutiveSuccessLimit: 2, failureLimit: 1 },
    'SFSS',
    'Successful',
  ],
  ['an error interrupts them', { ...EVERY, consecutiveSuccessLimit: 2 }, 'SES', 'Running'],
  [
    'an inconclusive one interrupts them',
    { ...EVERY, consecutiveSuccessLimit: 2, inconclusiveLimit: 1 },
    'SIS',
    'Running',
  ],
  ['they end it before count', { ...EVERY, count: 9, consecutiveSuccessLimit: 2 }, 'SS', 'Successful'],
  [
    'both limits, count reached, neither met: A:628',
    { ...EVERY, count: 3, consecutiveSuccessLimit: 2, failureLimit: 1 },
    'SFS',
    'Inconclusive',
  ],
  [
    'only the success limit, count reached: A:642',
    { ...EVERY, count: 3, consecutiveSuccessLimit: 2, failureLimit: -1 },
    'SFS',
    'Failed',
  ],
  [
    'failureLimit -1 tolerates all until then',
    { ...EVERY, count: 4, consecutiveSuccessLimit: 2, failureLimit: -1 },
    'FFF',
    'Running',
  ],
  [
    'failureLimit -1 and successes in the end',
    { ...EVERY, count: 4, consecutiveSuccessLimit: 2, failureLimit: -1 },
    'FFSS',
    'Successful',
  ],
  ['failureLimit -1 without end', { ...EVERY, consecutiveSuccessLimit: 3, failureLimit: -1 }, 'FFFFFFFF', 'Running'],
  [
    'failure beats a success limit reached together: order of A:600',
    { ...EVERY, consecutiveSuccessLimit: 1 },
    'FS',
    'Failed',
  ],
  ['Error beats Inconclusive beats Failed: A:658', { ...EVERY, consecutiveErrorLimit: 0 }, 'FIE', 'Error'],
  ['Inconclusive beats Failed: A:658', EVERY, 'FI', 'Inconclusive'],
];

describe('the phase of a metric', () => {
  test.each(CASES)('%s', (_, settings, letters, expected) => {
    const measure = ms(settings);
    expect(metricPhase(measure, after(measure, letters), false)).toBe(expected);
  });

  // The same metrics when somebody ends the run: what is not decided becomes Successful (A:648), what is decided stays.
  test.each(CASES)('terminated: %s', (_, settings, letters, phase) => {
    const measure = ms(settings);
    const isOpen = (phase === 'Running' && !letters.endsWith('R')) || phase === 'Pending';
    expect(metricPhase(measure, after(measure, letters), true)).toBe(isOpen ? 'Successful' : phase);
  });

  test.each(['Successful', 'Failed', 'Error', 'Inconclusive'] as const)('%s stays whatever comes: A:580', (phase) => {
    const result = after(ms({}), 'F');
    if (result === undefined) throw new Error('no result');
    expect(metricPhase(ms({}), { ...result, phase }, false)).toBe(phase);
  });

  test.each([
    ['FF', { failureLimit: 1 }, 'failed (2) > failureLimit (1)'],
    ['II', { inconclusiveLimit: 1 }, 'inconclusive (2) > inconclusiveLimit (1)'],
    ['EEEEE', {}, 'consecutiveErrors (5) > consecutiveErrorLimit (4)'],
  ])('%s is explained in the words of A:658', (letters, settings, message) => {
    expect(exceededLimit(ms(settings), after(ms(settings), letters) as MetricResult)?.message).toBe(message);
  });

  test.each([
    [{}, 1],
    [EVERY, undefined],
    [{ count: 5, ...EVERY }, 5],
    [{ count: 0 }, 1],
    [{ count: 0, ...EVERY }, undefined],
  ])('%j is measured %s times (Metric.EffectiveCount)', (settings, count) => {
    expect(effectiveCount(ms(settings))).toBe(count);
  });
});

/** Two metrics a and b by their letters. */
const run = (a: string, b: string, settings: Omit<Measure, 'name'> = {}, isTerminated = false) => {
  const measures = [ms({ ...settings }, 'a'), ms({ ...EVERY, count: 3 }, 'b')];
  const results = [a, b].flatMap((letters, k) => after(measures[k] as Measure, letters) ?? []);
  return { measures, first: assessRun(measures, results, isTerminated), results };
};

describe('the phase of a run', () => {
  test.each<[string, string, string, Omit<Measure, 'name'>, boolean, ArgoPhase]>([
    ['both succeed', 'S', 'SSS', {}, false, 'Successful'],
    ['one is not done: A:520', 'S', 'SS', {}, false, 'Running'],
    ['one never began: A:540', 'S', '', {}, false, 'Running'],
    ['none began', '', '', {}, false, 'Running'],
    [
      'a failure beside one under way is Running in this pass: TestAssessRunStatusUpdateResult',
      'F',
      'SR',
      {},
      false,
      'Running',
    ],
    ['Failed is worse than Error: H:47', 'F', 'EEEEE', {}, false, 'Failed'],
    ['Error is worse than Inconclusive: H:47', 'I', 'EEEEE', {}, false, 'Error'],
    ['Inconclusive is worse than Successful: H:47', 'I', 'SSS', {}, false, 'Inconclusive'],
    ['dry run never counts: 2.7', 'F', 'SSS', { isDryRun: true }, false, 'Successful'],
    ['dry run is waited for: A:486', '', 'SSS', { isDryRun: true }, false, 'Running'],
    ['terminated before anything: A:545', '', '', {}, true, 'Successful'],
    ['terminated after a success: A:545', 'S', 'S', {}, true, 'Successful'],
    ['terminated after a failure', 'F', 'S', {}, true, 'Failed'],
  ])('%s', (_, a, b, settings, isTerminated, expected) => {
    expect(run(a, b, settings, isTerminated).first.phase).toBe(expected);
  });

  test('a failed metric ends its siblings at the next assessment: H:84', () => {
    const { measures, first } = run('F', 'S');
    expect(first.phase).toBe('Running');
    const second = assessRun(measures, first.results, false);
    expect(second).toMatchObject({
      phase: 'Failed',
      message: 'Metric "a" assessed Failed due to failed (1) > failureLimit (0)',
    });
    expect(second.results[1]?.phase).toBe('Successful');
  });

  test('only metrics in dry run: the run succeeds and the metric says what it would have been', () => {
    const measures = [ms({ isDryRun: true })];
    const assessed = assessRun(measures, [after(measures[0] as Measure, 'F') as MetricResult], false);
    expect(assessed.phase).toBe('Successful');
    expect(assessed.results[0]?.message).toBe('Metric assessed Failed due to failed (1) > failureLimit (0)');
    expect(assessed.dryRunSummary).toMatchObject({ count: 1, failed: 1 });
  });

  test('a metric that ends by count and success limit is tallied Successful, with an empty message: A:493-519', () => {
    const settings = { ...EVERY, count: 3, consecutiveSuccessLimit: 2, failureLimit: -1 };
    const assessed = assessRun([ms(settings)], [after(ms(settings), 'SFS') as MetricResult], false);
    expect(assessed).toMatchObject({
      phase: 'Failed',
      message: '',
      runSummary: { count: 1, successful: 1, failed: 0 },
    });
  });

  test.each<[ArgoPhase, boolean, boolean]>([
    ['Failed', false, true],
    ['Error', false, true],
    ['Inconclusive', false, true],
    ['Successful', false, false],
    ['Running', false, false],
    ['Failed', true, false],
  ])('%s (dry run: %s) ends the run: %s', (phase, dryRun, expected) => {
    expect(isTerminating([{ ...(after(ms({}), 'S') as MetricResult), phase, dryRun }], false)).toBe(expected);
  });
});

describe('when a metric is measured', () => {
  const due = (settings: Omit<Measure, 'name'>, letters: string, second: number, isEnding = false) =>
    dueMeasurements({
      measures: [ms(settings)],
      results: [after(ms(settings), letters) ?? []].flat(),
      startedAtMs: T0,
      nowMs: T0 + second * 1000,
      isTerminating: isEnding,
    }).map(({ kind }) => kind);

  test.each<[string, Omit<Measure, 'name'>, string, number, boolean, readonly string[]]>([
    ['at once: A:205', {}, '', 0, false, ['run']],
    ['not before its delay: A:207', { initialDelayMs: 30_000 }, '', 29, false, []],
    ['at the end of its delay', { initialDelayMs: 30_000 }, '', 30, false, ['run']],
    ['not when the run ends: A:199', {}, '', 0, true, []],
    ['not at the very end of the interval: A:240', { ...EVERY, count: 3 }, 'S', 60, false, []],
    ['after the interval', { ...EVERY, count: 3 }, 'S', 61, false, ['run']],
    ['ten seconds after an Error, whatever the interval: A:233', { ...EVERY, count: 3 }, 'E', 11, false, ['run']],
    ['not earlier after an Error', { ...EVERY, count: 3 }, 'E', 10, false, []],
    ['an Error without interval is tried again', {}, 'E', 11, false, ['run']],
    ['not beyond count: A:225', { ...EVERY, count: 1 }, 'S', 999, false, []],
    ['one under way is looked at again: A:190', {}, 'R', 1, false, ['resume']],
    ['one under way is ended with the run: A:190', {}, 'R', 1, true, ['terminate']],
  ])('%s', (_, settings, letters, second, isEnding, expected) => {
    expect(due(settings, letters, second, isEnding)).toEqual(expected);
  });

  test('the next start is known', () => {
    expect(nextStartMs(ms({ ...EVERY }), after(ms(EVERY), 'S'), T0)).toBe(T0 + 60_000);
    expect(nextStartMs(ms({ ...EVERY }), after(ms(EVERY), 'E'), T0)).toBe(T0 + 10_000);
    expect(nextStartMs(ms({ initialDelayMs: 5_000 }), undefined, T0)).toBe(T0 + 5_000);
    expect(nextStartMs(ms({}), after(ms({}), 'S'), T0)).toBeUndefined();
  });
});

test.each([
  [undefined, 10],
  [3, 3],
  [0, 10],
  [1000, 15],
])(
  'with retention %s the newest %s of 15 measurements are kept, and the counters know all (A:762)',
  (retention, kept) => {
    const measure = ms({ ...EVERY, ...(retention === undefined ? {} : { retention }) });
    const result = after(measure, 'S'.repeat(15));
    expect(result?.measurements).toHaveLength(kept);
    expect(result).toMatchObject({ count: 15, successful: 15, consecutiveSuccess: 15 });
  },
);

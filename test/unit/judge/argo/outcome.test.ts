/** What measured metrics say of a step, and one verdict from both kinds of metrics (contracts 3). */
import { expect, test } from 'vitest';
import type { ArgoPhase, Measure } from '../../../../src/judge/argo/measure.ts';
import { type MeasuredStep, withMeasures } from '../../../../src/judge/argo/outcome.ts';
import { recordMeasurement } from '../../../../src/judge/argo/record.ts';
import { assessRun } from '../../../../src/judge/argo/run-phase.ts';
import type { Outcome, StepVerdict } from '../../../../src/judge/verdict.ts';

const T0 = Date.parse('2026-11-21T09:00:00Z');
const identity = { revision: 'abc', attempt: 1, step: 2, weight: 50 };
const step: MeasuredStep = {
  ...identity,
  sinceMs: T0,
  nowMs: T0 + 60_000,
  startedAtMs: T0 - 60_000,
  instantMs: T0 + 55_000,
  atLeastMs: 60_000,
  atMostMs: 900_000,
};
const compared = (outcome: Outcome): StepVerdict => ({
  ...identity,
  intervalEndMs: T0 + 50_000,
  outcome,
  reason: 'Judging',
  says: 'compared.',
  odds: 1,
  abortAtOdds: 20,
  hadEnoughData: true,
  metrics: [{ name: 'errors' }] as unknown as StepVerdict['metrics'], // only whether it is optional is looked at
});

function verdictOf(
  measure: Measure,
  phase: ArgoPhase | undefined,
  isReal: boolean,
  beside?: Outcome,
  change: Partial<MeasuredStep> = {},
) {
  const startedAt = new Date(T0).toISOString();
  const taken = phase && { measurement: { phase, startedAt, finishedAt: startedAt }, isReal };
  const results = taken ? [recordMeasurement(measure, undefined, taken)] : [];
  const assessed = assessRun([measure], results, false).results;
  const others = beside === undefined ? undefined : compared(beside);
  return withMeasures(others, { ...step, ...change }, [measure], assessed);
}

const once: Measure = { name: 'smoke' };
const endless: Measure = { name: 'smoke', intervalMs: 60_000 };

test.each<[string, Measure, ArgoPhase | undefined, boolean, Outcome | undefined, Outcome]>([
  ['a failure on a real value fails', once, 'Failed', true, undefined, 'Fail'],
  ['a failure on NaN or nothing only holds', once, 'Failed', false, undefined, 'Inconclusive'],
  ['a success passes', once, 'Successful', true, undefined, 'Pass'],
  ['never measured goes on', once, undefined, true, undefined, 'Continue'],
  ['never measured does not let a Pass through', once, undefined, true, 'Pass', 'Continue'],
  ['inconclusive beats Pass', once, 'Inconclusive', true, 'Pass', 'Inconclusive'],
  ['inconclusive beats Continue', once, 'Inconclusive', true, 'Continue', 'Inconclusive'],
  ['Fail of a comparison beats all', once, 'Successful', true, 'Fail', 'Fail'],
  ['Fail of a measurement beats all', once, 'Failed', true, 'Inconclusive', 'Fail'],
  ['both pass', once, 'Successful', true, 'Pass', 'Pass'],
  ['Continue of a comparison waits', once, 'Successful', true, 'Continue', 'Continue'],
  ['without end, one success is enough', endless, 'Successful', true, 'Pass', 'Pass'],
  ['dry run never fails', { ...once, isDryRun: true }, 'Failed', true, 'Pass', 'Pass'],
  ['dry run alone passes once it is done', { ...once, isDryRun: true }, 'Failed', true, undefined, 'Pass'],
])('%s', (_, measure, phase, isReal, beside, expected) => {
  expect(verdictOf(measure, phase, isReal, beside).outcome).toBe(expected);
});

test('without end, a success of an earlier step is not one of this step', () => {
  expect(verdictOf(endless, 'Successful', true, 'Pass', { sinceMs: T0 + 1, atLeastMs: 0 }).outcome).toBe('Continue');
});

test.each<[string, ArgoPhase, boolean, boolean]>([
  ['a real value', 'Inconclusive', true, true],
  ['NaN that is inconclusive', 'Inconclusive', false, false],
  ['NaN that failed', 'Failed', false, false],
])('%s without a decision: had it enough data to go on by policy?', (_, phase, isReal, expected) => {
  expect(verdictOf(once, phase, isReal, 'Pass')).toMatchObject({ outcome: 'Inconclusive', hadEnoughData: expected });
});

test('Errors are blindness since the first of them, and no data to advance on', () => {
  expect(verdictOf({ ...once, consecutiveErrorLimit: 0 }, 'Error', false)).toMatchObject({
    outcome: 'Inconclusive',
    reason: 'MeasurementError',
    metric: 'smoke',
    blindSinceMs: T0,
    hadEnoughData: false,
  });
});

test('nothing passes before the weight was in force for long enough', () => {
  const early = verdictOf(once, 'Successful', true, undefined, { nowMs: T0 + 59_999 });
  expect(early).toMatchObject({ outcome: 'Continue', reason: 'Judging', says: expect.stringContaining('long enough') });
  expect(verdictOf(once, 'Successful', true).outcome).toBe('Pass');
});

test('a failure is one at once, and counts although the comparisons are behind', () => {
  const verdict = verdictOf(once, 'Failed', true, 'Continue', { nowMs: T0 + 1 });
  expect(verdict).toMatchObject({ outcome: 'Fail', metric: 'smoke', intervalEndMs: step.instantMs });
});

test('a Pass is as old as the comparisons in it; without any it is of this instant', () => {
  expect(verdictOf(once, 'Successful', true, 'Pass').intervalEndMs).toBe(T0 + 50_000);
  expect(verdictOf(once, 'Successful', true).intervalEndMs).toBe(step.instantMs);
});

test('what never comes to an end is over after three times the longest time', () => {
  const late = { nowMs: T0 + 3 * 900_000, startedAtMs: T0 + 3 * 900_000 - 1 };
  expect(verdictOf(once, undefined, true, undefined, late)).toMatchObject({
    outcome: 'Inconclusive',
    reason: 'TimeIsUp',
  });
});

test('when nobody measures any more, an earlier success lets nothing through, and it is blindness', () => {
  const minute: Measure = { name: 'smoke', intervalMs: 60_000 };
  const before = verdictOf(minute, 'Successful', true, 'Pass', { nowMs: T0 + 239_000 });
  expect(before).toMatchObject({ outcome: 'Pass' });
  const after = verdictOf(minute, 'Successful', true, 'Pass', { nowMs: T0 + 241_000 });
  expect(after).toMatchObject({ outcome: 'Continue', blindSinceMs: T0 + 60_000 });
  expect(after.measures[0]).toMatchObject({ reason: 'MeasurementOverdue' });
});

test('comparisons that are all optional hold nobody up, and can fail', () => {
  const optional = (outcome: Outcome): StepVerdict => ({
    ...compared(outcome),
    metrics: [{ name: 'cpu', isOptional: true }] as unknown as StepVerdict['metrics'],
  });
  const startedAt = new Date(T0).toISOString();
  const taken = { measurement: { phase: 'Successful', startedAt, finishedAt: startedAt }, isReal: true } as const;
  const { results } = assessRun([once], [recordMeasurement(once, undefined, taken)], false);
  expect(withMeasures(optional('Continue'), step, [once], results).outcome).toBe('Pass');
  expect(withMeasures(optional('Fail'), step, [once], results).outcome).toBe('Fail');
});

/** What measured metrics say of a step, and one verdict from both kinds of metrics (contracts 3). */
import { expect, test } from 'vitest';
import type { ArgoPhase, Measure } from '../../../../src/judge/argo/measure.ts';
import { withMeasures } from '../../../../src/judge/argo/outcome.ts';
import { recordMeasurement } from '../../../../src/judge/argo/record.ts';
import { assessRun } from '../../../../src/judge/argo/run-phase.ts';
import type { Outcome, StepVerdict } from '../../../../src/judge/verdict.ts';

const T0 = Date.parse('2026-11-21T09:00:00Z');
const identity = { revision: 'abc', attempt: 1, step: 2, weight: 50, intervalEndMs: T0 };
const compared = (outcome: Outcome): StepVerdict => ({
  ...identity,
  outcome,
  reason: 'Judging',
  says: 'compared.',
  odds: 1,
  abortAtOdds: 20,
  hadEnoughData: true,
  metrics: [],
});

function verdictOf(measure: Measure, phase: ArgoPhase | undefined, isReal: boolean, beside?: Outcome, sinceMs = T0) {
  const startedAt = new Date(T0).toISOString();
  const taken = phase && { measurement: { phase, startedAt, finishedAt: startedAt }, isReal };
  const results = taken ? [recordMeasurement(measure, undefined, taken)] : [];
  const assessed = assessRun([measure], results, false).results;
  return withMeasures(beside === undefined ? undefined : compared(beside), identity, [measure], assessed, sinceMs);
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
  expect(verdictOf(endless, 'Successful', true, 'Pass', T0 + 1).outcome).toBe('Continue');
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

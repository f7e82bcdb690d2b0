/**
 * Whole runs as Argo Rollouts' controller reconciled them (v1.10.0-rc1, snapshot of 2026-08-17, analysis/analysis.go, driven by scripted
 * providers every 5 s): settings, what each measurement came to, and every change of phases, counters, summaries and messages.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readDurationMs } from '../../../../src/api/units.ts';
import { measureFindings } from '../../../../src/api/validate-measure.ts';
import type { ArgoPhase, Measure, Measurement, MetricResult } from '../../../../src/judge/argo/measure.ts';
import { isCompleted } from '../../../../src/judge/argo/measure.ts';
import { recordMeasurement } from '../../../../src/judge/argo/record.ts';
import { assessRun, isTerminating, type RunSummary } from '../../../../src/judge/argo/run-phase.ts';
import { dueMeasurements, type MeasureTask } from '../../../../src/judge/argo/schedule.ts';

interface RecordedMetric {
  readonly name: string;
  readonly interval?: string;
  readonly initialDelay?: string;
  readonly count?: number;
  readonly failureLimit?: number;
  readonly inconclusiveLimit?: number;
  readonly consecutiveErrorLimit?: number;
  readonly consecutiveSuccessLimit?: number;
  readonly dryRun?: boolean;
  readonly letters: string;
}

interface Step {
  readonly s: number;
  readonly phase: string;
  readonly message?: string;
  readonly metrics: readonly string[] | null;
  readonly summary: string;
}

interface Recorded {
  readonly metrics: readonly RecordedMetric[];
  readonly terminateS?: number;
  readonly steps: readonly Step[];
  /** Argo did not run it: what its validation said. */
  readonly refused?: string;
}

const STARTED_MS = Date.UTC(2026, 0, 1);
const LETTERS: Readonly<Record<string, ArgoPhase>> = { S: 'Successful', F: 'Failed', I: 'Inconclusive', E: 'Error' };
const recorded = readFileSync(new URL('recorded-phases.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded);

function measureOf({ dryRun, interval, initialDelay, letters: _letters, ...limits }: RecordedMetric): Measure {
  const [intervalMs, initialDelayMs] = [readDurationMs(interval), readDurationMs(initialDelay)];
  return {
    ...limits,
    ...(intervalMs === undefined ? {} : { intervalMs }),
    ...(initialDelayMs === undefined ? {} : { initialDelayMs }),
    ...(dryRun === true ? { isDryRun: true } : {}),
  };
}

function replay({ metrics, terminateS = Number.POSITIVE_INFINITY }: Recorded): readonly Step[] {
  const measures = metrics.map(measureOf);
  const taken = new Map<string, number>();
  const nextPhase = (name: string): ArgoPhase => {
    const letters = metrics.find((metric) => metric.name === name)?.letters ?? '';
    const k = taken.get(name) ?? 0;
    taken.set(name, k + 1);
    return LETTERS[letters[k % letters.length] ?? ''] ?? 'Running';
  };
  const measured = ({ measure, kind, measurement }: MeasureTask, at: string): Measurement => {
    const phase = kind === 'terminate' ? 'Successful' : nextPhase(measure.name);
    const message = phase === 'Error' ? { message: 'no answer' } : {};
    const end = phase === 'Running' ? {} : { finishedAt: at };
    return { startedAt: measurement?.startedAt ?? at, phase, ...message, ...end };
  };
  const steps: Step[] = [];
  let results: readonly MetricResult[] = [];
  let phase: ArgoPhase = 'Running';
  for (let s = 0; s <= 400 && !isCompleted(phase); s += 5) {
    const nowMs = STARTED_MS + s * 1000;
    const isTerminated = s >= terminateS;
    const due = dueMeasurements({
      measures,
      results,
      startedAtMs: STARTED_MS,
      nowMs,
      isTerminating: isTerminating(results, isTerminated),
    });
    for (const task of due) {
      const before = results.find(({ name }) => name === task.measure.name);
      const measurement = measured(task, new Date(nowMs).toISOString());
      const after = recordMeasurement(task.measure, before, { measurement, isReal: true });
      results = [...results.filter((result) => result !== before), after];
    }
    const assessed = assessRun(measures, results, isTerminated);
    ({ results, phase } = assessed);
    const summary = `${sayOf(assessed.runSummary)} ${sayOf(assessed.dryRunSummary)}`;
    steps.push({ s, phase, message: assessed.message, metrics: results.map(sayResult), summary });
  }
  return steps;
}

const sayResult = (r: MetricResult): string =>
  `${r.name} ${r.phase} count=${r.count} S=${r.successful} F=${r.failed} I=${r.inconclusive} E=${r.error} Es=${r.consecutiveError} Ss=${r.consecutiveSuccess}`;

const sayOf = ({ count, successful, failed, inconclusive, error }: RunSummary): string =>
  `${count}:${successful}/${failed}/${inconclusive}/${error}`;

/** Argo measures metrics side by side, so their order in status is nobody's. */
const shown = ({ phase, message, metrics, summary }: Step): string =>
  [phase, message ?? '', ...(metrics ?? []).toSorted(), summary].join('\n');

const changes = (steps: readonly Step[]): readonly string[] =>
  steps.flatMap((step, k) => {
    const before = steps[k - 1];
    return before !== undefined && shown(before) === shown(step) ? [] : [`at ${step.s} s: ${shown(step)}`];
  });

const accepted = recorded.filter(({ refused }) => refused === undefined);
const refusedRuns = recorded.flatMap((run) => (run.refused === undefined ? [] : [{ ...run, refused: run.refused }]));

test.each(accepted.map((run, index) => [index + 1, run] as const))('run %i goes as it went in Argo', (_index, run) => {
  expect(changes(replay(run))).toEqual(changes(run.steps));
});

const provider = { prometheus: { address: 'http://prometheus', query: 'up' } };
const findingsOf = ({ metrics }: Recorded): readonly string[] =>
  metrics.flatMap(({ letters: _letters, dryRun: _dryRun, ...metric }, index) =>
    measureFindings({ ...metric, provider }, `metrics[${index}]`).map(({ message }) => message),
  );

test('what Argo runs is accepted here', () => {
  expect(accepted.flatMap(findingsOf)).toEqual([]);
});

test.each(refusedRuns.map((run) => [run.refused, run] as const))('refused in Argo, and here: %s', (refused, run) => {
  const [metric = ''] = refused.split(':', 1);
  expect(findingsOf(run).filter((message) => message.startsWith(metric))).not.toEqual([]);
});

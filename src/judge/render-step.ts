/** The step's verdict in one or two sentences: what was decided or is missing, and what would help. */
import { formatOdds, formatWait } from './format.ts';
import type { MetricVerdict, StepVerdict } from './verdict.ts';

export interface StepTimes {
  /** Data at this weight so far, and the least and most that the step allows. */
  readonly dataMs: number;
  readonly atLeastMs: number;
  readonly atMostMs: number;
}

export function sayStep(verdict: Omit<StepVerdict, 'says'>, times: StepTimes): string {
  const metric = verdict.metrics.find(({ name }) => name === verdict.metric);
  const named = metric === undefined ? '' : `${metric.name}: ${metric.says}`;
  switch (verdict.outcome) {
    case 'Fail':
      return named;
    case 'Pass':
      return passed(verdict, metric);
    case 'Inconclusive':
      if (verdict.reason === 'NoData' && metric?.outcome !== 'Inconclusive') {
        return `Only ${formatWait(times.dataMs)} of usable data at ${verdict.weight} % in all this time (pods that never finish warming up, or pauses). ${named}`;
      }
      return verdict.reason === 'TimeIsUp' || verdict.reason === 'TooFewRequests'
        ? `No decision after ${formatWait(times.dataMs)} of data at ${verdict.weight} %: ${named}${advice(verdict)}`
        : named;
    case 'Continue':
      return `${named}${smoke(verdict)}${impossible(verdict, times)}`;
  }
}

/** Which metric the sentence is of goes without saying where there is one. */
function passed({ metrics }: Omit<StepVerdict, 'says'>, metric: MetricVerdict | undefined): string {
  const within = `Within the margin on ${metrics.map(({ name }) => name).join(', ')}.`;
  if (metric === undefined) return within;
  return `${within} ${metrics.length === 1 ? '' : `On ${metric.name}: `}${metric.says}`;
}

/** What would bring a decision: more time or more weight, in numbers. */
function advice(verdict: Omit<StepVerdict, 'says'>): string {
  const waits = verdict.metrics.map(({ passEtaMs }) => passEtaMs);
  const longest = Math.max(0, ...waits.map((wait) => wait ?? 0));
  if (waits.every((wait) => wait !== undefined) && longest > 0) {
    return ` It needs about ${formatWait(longest)} more at this traffic, or a larger weight.`;
  }
  return ' At this traffic it cannot pass: give it a larger weight, more traffic or a wider pass margin.';
}

function smoke(verdict: Omit<StepVerdict, 'says'>): string {
  if (verdict.odds < 2) return '';
  return ` Odds against it ${formatOdds(verdict.odds)}, abort at ${formatOdds(verdict.abortAtOdds)}.`;
}

function impossible(verdict: Omit<StepVerdict, 'says'>, times: StepTimes): string {
  const left = times.atMostMs - times.dataMs;
  if (verdict.etaMs !== undefined && verdict.etaMs <= left) return '';
  if (verdict.etaMs === undefined) {
    return verdict.reason === 'TooShort'
      ? ' At this traffic it cannot pass: give it a larger weight, more traffic or a wider pass margin.'
      : '';
  }
  return ` That is longer than the ${formatWait(Math.max(0, left))} this step has left: raise its weight or give it more time.`;
}

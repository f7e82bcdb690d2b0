/** How requests were split between the two sides lately, to be held against the weight that the routes give the canary. */
import type { MetricRule } from './metric-evidence.ts';
import type { Observation } from './observation.ts';

/** Requests of each side, newer ones counting for more. */
export interface Split {
  readonly canary: number;
  readonly stable: number;
}

/** Since the weight or the step changed, `age` intervals ago. */
export interface RunningSplit extends Split {
  readonly age: number;
}

/** After a change, requests of before are still counted for so many intervals: under way, or not scraped yet. */
const SETTLE = 2;
/** What an interval counts for falls to 1/e in so many. */
const MEMORY = 30;

const NONE: Split = { canary: 0, stable: 0 };
export const NO_SPLIT: RunningSplit = { ...NONE, age: 0 };

/** Adds one interval after `gap` that nobody measured. `before` absent: it is the first of its weight and step, or of those that are known. */
export function addSplit(
  before: RunningSplit = NO_SPLIT,
  rules: readonly MetricRule[],
  observations: ReadonlyMap<string, Observation>,
  gap: number,
): RunningSplit {
  const age = before.age + gap + 1;
  const keep = Math.exp(-(gap + 1) / MEMORY);
  const added = age > SETTLE ? mostRequests(rules, observations) : NONE;
  return {
    age,
    canary: inHundredths(before.canary * keep + added.canary),
    stable: inHundredths(before.stable * keep + added.stable),
  };
}

/** Short in checkpoints. */
const inHundredths = (value: number): number => Math.round(value * 100) / 100;

/** In whole requests; absent where there are none. */
export function splitOf(running: RunningSplit | undefined): Split | undefined {
  const [canary, stable] = [Math.round(running?.canary ?? 0), Math.round(running?.stable ?? 0)];
  return canary + stable === 0 ? undefined : { canary, stable };
}

/** Of the metric that counts most of them: others may see a part. */
function mostRequests(rules: readonly MetricRule[], observations: ReadonlyMap<string, Observation>): Split {
  const all = rules.map((rule) => requestsOf(rule, observations.get(rule.name)));
  return all.reduce((most, one) => (one.canary + one.stable > most.canary + most.stable ? one : most), NONE);
}

/** Of stable itself, whatever the judge makes of the interval. Rates count time, and gauges nothing. */
function requestsOf({ shape, isBaseline, constant }: MetricRule, observation: Observation | undefined): Split {
  if (shape !== undefined || isBaseline === true || constant !== undefined || observation === undefined) return NONE;
  if (observation.kind === 'skipped' || observation.kind === 'gauge') return NONE;
  const counts = observation.kind === 'proportion' ? observation.counts : observation.boundaries[0]?.counts;
  const split = { canary: counts?.canary.total ?? 0, stable: counts?.stable.total ?? 0 };
  return isCount(split.canary) && isCount(split.stable) ? split : NONE;
}

const isCount = (value: number): boolean => value >= 0 && value <= Number.MAX_SAFE_INTEGER;

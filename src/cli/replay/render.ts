/** A replay as text: look by look what was known, and whether it is what the run says. Pure. */
import { formatOdds, formatPercent } from '../../judge/format.ts';
import {
  canaryValue,
  controlValue,
  quantityFor,
  sayControl,
  sayDifference,
  sayRatio,
} from '../../judge/render-estimate.ts';
import type { Picture } from '../../judge/render-svg.ts';
import type { Band } from '../../judge/render-svg-axis.ts';
import { renderEvidence, renderMeter } from '../../judge/render-terminal.ts';
import type { MarginLines, MetricVerdict, StepVerdict } from '../../judge/verdict.ts';
import { formatTable } from '../table.ts';
import type { Comparison } from './compare.ts';
import type { Look } from './replay-run.ts';

/** Looks that are shown unless all are asked for: the first, the last, and every one that says something new. */
const USUAL_LINES = 24;
const METER = 20;

/** `columns`: of the terminal. */
export function renderLooks(looks: readonly Look[], isWhole: boolean, columns = Infinity): string {
  const shown = isWhole ? looks : telling(looks);
  const names = looks.at(-1)?.verdict.metrics.map(({ name }) => name) ?? [];
  const rows = shown.map(({ endMs, weight, verdict }) => [
    clock(endMs),
    formatPercent(weight / 100),
    verdict.outcome,
    verdict.reason,
    formatOdds(verdict.odds),
    ...names.map((name) => cellOf(verdict.metrics.find((metric) => metric.name === name))),
  ]);
  return formatTable(
    ['END', 'WEIGHT', 'VERDICT', 'REASON', 'ODDS', ...names.map((name) => name.toUpperCase())],
    rows,
    columns,
  );
}

export function renderReplay(
  looks: readonly Look[],
  comparison: Comparison,
  isWhole: boolean,
  notes: readonly string[],
  columns = Infinity,
) {
  const last = looks.at(-1)?.verdict;
  if (last === undefined) return 'There is no interval in this run.';
  const odds = looks.map(({ verdict }) => verdict.odds);
  return [
    renderLooks(looks, isWhole, columns),
    '',
    `evidence  ${renderEvidence(odds, last.abortAtOdds, Math.min(56, odds.length))}`,
    `          ${renderMeter(last.odds, last.abortAtOdds, METER)} ${formatOdds(last.odds)}, aborts at ${formatOdds(last.abortAtOdds)}`,
    '',
    `${last.outcome}: ${last.says}`,
    '',
    comparison.isSame
      ? 'The same as in the run, bit for bit.'
      : comparison.isSameOutcome
        ? 'The same outcome as in the run; what differs:'
        : 'Not what the run says:',
    ...comparison.differences.map((difference) => `  ${difference}`),
    ...notes,
  ].join('\n');
}

/** The comparison of one metric over all looks. One that has no ratio (nothing bad at all, zero or negative values) is drawn by its difference. */
export function pictureOfLooks(looks: readonly Look[], name: string): Picture | undefined {
  const last = looks.at(-1)?.verdict;
  const metric = last?.metrics.find((each) => each.name === name);
  if (last === undefined || metric === undefined) return undefined;
  const { boundaryMs, bound } = metric;
  const found = looks.map(({ verdict }) => verdict.metrics.find((each) => each.name === name));
  const isDifference =
    found.every((each) => each?.ratio === undefined) && found.some((each) => each?.difference !== undefined);
  const largest = Math.max(Math.abs(canaryValue(metric) ?? 0), Math.abs(controlValue(metric) ?? 0));
  return {
    title: `${name}${boundaryMs === undefined ? '' : ` slower than ${boundaryMs} ms`}: ${last.outcome}`,
    says: last.says,
    control: bound === undefined ? sayControl(metric) : `the bound of ${quantityFor(metric).value(bound)}`,
    points: looks.map(({ endMs, weight }, k) => ({
      endMs,
      weight,
      // The metric's own, and so is their line: those of the run stay at what they were when it failed.
      odds: found[k]?.odds ?? 1,
      ...bandOf('ratio', found[k]?.ratio),
      ...bandOf('difference', found[k]?.difference),
    })),
    margins: marginsOf(metric, isDifference),
    ...(isDifference ? { unit: { ...pick(metric), largest } } : {}),
    abortAtOdds: metric.abortAtOdds,
    ...(last.failedAtMs === undefined ? {} : { failedAtMs: last.failedAtMs }),
  };
}

function pick({ shape, unit, isPerSecond }: MetricVerdict): Pick<MetricVerdict, 'shape' | 'unit' | 'isPerSecond'> {
  return {
    ...(shape === undefined ? {} : { shape }),
    ...(unit === undefined ? {} : { unit }),
    ...(isPerSecond === undefined ? {} : { isPerSecond }),
  };
}

function bandOf(
  key: 'ratio' | 'difference',
  found: MetricVerdict['ratio'],
): { readonly [key in 'ratio' | 'difference']?: Band } {
  return found === undefined ? {} : { [key]: { ...found.interval, estimate: found.estimate } };
}

/** The lines of both margins, at the control's mean so far, as ratios to it or as differences from it. */
function marginsOf(metric: MetricVerdict, isDifference: boolean): readonly MarginLines[] {
  const control = controlValue(metric);
  const { lines = [], isLower, failRatio } = metric;
  if (isDifference)
    return lines.map((line) => ({ ...line, fail: line.fail - (control ?? 0), pass: line.pass - (control ?? 0) }));
  if (control !== undefined && control > 0) {
    return lines.map((line) => ({ ...line, fail: line.fail / control, pass: line.pass / control }));
  }
  // Nothing bad on stable's side: only the ratio is known.
  const pass = isLower === true ? 0 : Number.POSITIVE_INFINITY;
  return [{ ...(isLower === undefined ? {} : { isLower }), fail: failRatio, pass }];
}

/** The metric that decided, or the one that speaks most against the canary. */
export function leadingName(verdict: StepVerdict): string | undefined {
  return verdict.metric ?? verdict.metrics.toSorted((a, b) => b.odds - a.odds)[0]?.name;
}

function telling(looks: readonly Look[]): readonly Look[] {
  const every = Math.max(1, Math.ceil(looks.length / USUAL_LINES));
  return looks.filter((look, k) => {
    const before = looks[k - 1];
    const isNews =
      before === undefined || before.weight !== look.weight || before.verdict.outcome !== look.verdict.outcome;
    return isNews || k === looks.length - 1 || k % every === 0;
  });
}

/** Ratios, or the difference of a metric that has none. */
function cellOf(metric: MetricVerdict | undefined): string {
  if (metric === undefined) return '–';
  return metric.ratio === undefined && metric.shape !== undefined ? sayDifference(metric) : sayRatio(metric);
}

const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

/** A replay as text: look by look what was known, and whether it is what the run says. Pure. */
import { formatInterval, formatOdds, formatPercent, formatRatio } from '../../judge/format.ts';
import type { Picture } from '../../judge/render-svg.ts';
import { renderEvidence, renderMeter } from '../../judge/render-terminal.ts';
import type { MetricVerdict, StepVerdict } from '../../judge/verdict.ts';
import { formatTable } from '../table.ts';
import type { Comparison } from './compare.ts';
import type { Look } from './replay-run.ts';

/** Looks that are shown unless all are asked for: the first, the last, and every one that says something new. */
const USUAL_LINES = 24;
const METER = 20;

export function renderLooks(looks: readonly Look[], isWhole: boolean): string {
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
  return formatTable(['END', 'WEIGHT', 'VERDICT', 'REASON', 'ODDS', ...names.map((name) => name.toUpperCase())], rows);
}

export function renderReplay(
  looks: readonly Look[],
  comparison: Comparison,
  isWhole: boolean,
  notes: readonly string[],
) {
  const last = looks.at(-1)?.verdict;
  if (last === undefined) return 'There is no interval in this run.';
  const odds = looks.map(({ verdict }) => verdict.odds);
  return [
    renderLooks(looks, isWhole),
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

/** The comparison of one metric over all looks, for the SVG. */
export function pictureOfLooks(looks: readonly Look[], name: string): Picture | undefined {
  const last = looks.at(-1)?.verdict;
  const metric = last?.metrics.find((each) => each.name === name);
  if (last === undefined || metric === undefined) return undefined;
  return {
    title: `${name}: ${last.outcome}`,
    says: last.says,
    points: looks.map(({ endMs, weight, verdict }) => {
      const found = verdict.metrics.find((each) => each.name === name);
      const ratio = found?.ratio;
      const odds = found?.odds ?? 1;
      return ratio === undefined
        ? { endMs, weight, odds }
        : { endMs, weight, odds, ratio: { ...ratio.interval, estimate: ratio.estimate } };
    }),
    failRatio: metric.failRatio,
    passRatio: Number.POSITIVE_INFINITY,
    abortAtOdds: last.abortAtOdds,
    ...(last.failedAtMs === undefined ? {} : { failedAtMs: last.failedAtMs }),
  };
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

function cellOf(metric: MetricVerdict | undefined): string {
  if (metric?.ratio === undefined) return '–';
  const { estimate, interval } = metric.ratio;
  return `${formatRatio(estimate)} ${formatInterval(interval.low, interval.high)}`;
}

const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

/** An analysis as text: the verdict in a sentence, a table of both sides, and a plot of the comparison over time. Pure. */
import { formatCount, formatInterval, formatOdds, formatPercent, formatRatio, formatWait } from '../../judge/format.ts';
import { renderEvidence, renderIntervalLine, renderMeter } from '../../judge/render-terminal.ts';
import type { Outcome } from '../../judge/verdict.ts';
import { formatTable } from '../table.ts';
import type { Analysis } from './judge-recording.ts';
import type { Recording } from './recording.ts';
import type { SideSummary, Summary } from './summary.ts';

/** 0 Pass, 3 Fail, 4 undecided. */
export const EXIT_CODES = { Pass: 0, Fail: 3, Inconclusive: 4, Continue: 4 } as const satisfies Record<Outcome, number>;

const MARKS: Readonly<Record<Outcome, string>> = { Pass: '✓', Fail: '✗', Inconclusive: '?', Continue: '…' };
const PLOT_WIDTH = 56;
const PLOT_LINES = 12;

export function renderReport(analysis: Analysis, recording: Recording, summary: Summary): string {
  const { verdict, firstMs, lastMs, historyIntervals, metric } = analysis;
  const length = `${time(firstMs)} to ${time(lastMs)}, intervals of ${formatWait(recording.intervalMs)}`;
  return [
    `${MARKS[verdict.outcome]} ${verdict.outcome}: ${verdict.says}`,
    '',
    `${length}${historyIntervals > 0 ? `, after ${historyIntervals} with stable only` : ''}${decided(analysis)}`,
    '',
    formatTable(
      ['SIDE', 'REQUESTS', 'BAD', 'RATE', 'PER INTERVAL', '5 % – 95 %', 'STAND OUT'],
      [row('stable', metric.stable, summary.stable), row('canary', metric.canary, summary.canary)],
    ),
    '',
    ...plot(analysis),
    '',
    ...explain(analysis, recording, summary),
  ].join('\n');
}

function row(name: string, sum: { bad: number; total: number }, side: SideSummary | undefined): string[] {
  const rate = sum.total > 0 ? formatPercent(sum.bad / sum.total) : '–';
  const per =
    side === undefined
      ? ['–', '–', '–']
      : [
          formatCount(side.requests.median),
          `${formatCount(side.requests.p5)} – ${formatCount(side.requests.p95)}`,
          String(side.outliers.length),
        ];
  return [name, formatCount(sum.total), formatCount(sum.bad), rate, ...per];
}

/** One line per part of the recording: the interval of canary ÷ stable between the two margins, and below the odds. */
function plot({ points, picture, verdict, metric }: Analysis): string[] {
  const shown = thin(points, PLOT_LINES);
  const known = points.flatMap(({ ratio }) => (ratio === undefined ? [] : [ratio.estimate]));
  const low = Math.max(0.1, Math.min(0.5, ...known));
  const high = Math.min(
    50,
    Math.max(2, picture.passRatio < 20 ? picture.passRatio * 1.2 : 2, ...known.map((value) => value * 1.5)),
  );
  const scale = { low, high };
  const marks = [1, picture.failRatio, picture.passRatio].filter((value) => value >= low && value <= high);
  const ends = `${formatRatio(low)} ${'canary ÷ stable, logarithmic; │ equal, healthy to, passes below'}`.padEnd(
    PLOT_WIDTH - 6,
  );
  return [
    `${' '.repeat(10)}${ends} ${formatRatio(high)}`,
    ...shown.map(({ endMs, ratio, odds, weight }) => {
      const line = ratio === undefined ? ''.padEnd(PLOT_WIDTH) : renderIntervalLine(ratio, marks, scale, PLOT_WIDTH);
      const numbers =
        ratio === undefined
          ? 'nothing known'
          : `${formatRatio(ratio.estimate)} ${formatInterval(ratio.low, ratio.high)}`;
      return `${time(endMs).slice(11, 19)}  ${line}  ${numbers}  ${formatPercent(weight / 100)}  ${formatOdds(odds)}`.trimEnd();
    }),
    '',
    `evidence  ${renderEvidence(
      thin(points, PLOT_WIDTH).map(({ odds }) => odds),
      verdict.abortAtOdds,
      Math.min(PLOT_WIDTH, points.length),
    )}`,
    `          ${renderMeter(metric.odds, verdict.abortAtOdds, 24)} ${formatOdds(metric.odds)}, fails at ${formatOdds(verdict.abortAtOdds)}`,
  ];
}

function explain({ metric, verdict }: Analysis, { notes }: Recording, summary: Summary): string[] {
  const skipped = Object.entries(metric.skippedIntervals).map(([reason, count]) => `${count} ${reason}`);
  const outliers = [...new Set([...(summary.stable?.outliers ?? []), ...(summary.canary?.outliers ?? [])])].toSorted(
    (a, b) => a - b,
  );
  return [
    `${formatCount(metric.usedIntervals)} intervals used${skipped.length === 0 ? '' : `, left out: ${skipped.join(', ')}`}.`,
    `${metric.dispersion.toFixed(1)} bad events count as one (${metric.dispersionSource}); ${formatCount(metric.effectiveRequests)} effective canary requests.`,
    ...(metric.uncalibrated === undefined
      ? []
      : [`Uncalibrated (${metric.uncalibrated}): up to ${formatRatio(metric.failRatio)} counts as healthy.`]),
    ...(verdict.outcome === 'Fail' && metric.tippedBy.length > 0
      ? [`Tipped by the intervals that end at ${metric.tippedBy.map((ms) => time(ms).slice(11, 19)).join(', ')}.`]
      : []),
    ...(outliers.length === 0
      ? []
      : [
          `Traffic far from the usual at ${outliers
            .slice(0, 5)
            .map((ms) => time(ms).slice(11, 19))
            .join(', ')}${outliers.length > 5 ? ` and ${outliers.length - 5} more` : ''}; used as it is.`,
        ]),
    ...notes,
  ];
}

function decided({ verdict, decidedAtMs, firstMs }: Analysis): string {
  if (decidedAtMs === undefined || verdict.outcome === 'Continue') return '';
  const what = verdict.outcome === 'Fail' ? 'aborted' : 'gone on';
  return `; a release would have ${what} after ${formatWait(decidedAtMs - firstMs)}`;
}

function thin<T>(values: readonly T[], most: number): readonly T[] {
  if (values.length <= most) return values;
  return Array.from({ length: most }, (_, k) => values[Math.round((k * (values.length - 1)) / (most - 1))]).filter(
    (value) => value !== undefined,
  );
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.000Z$/, 'Z');
}

/** An analysis as text: the verdict in a sentence, a table of both sides, and a plot of the comparison over time. Pure. */
import {
  formatCount,
  formatIntervals,
  formatOdds,
  formatPercent,
  formatRatio,
  formatWait,
} from '../../judge/format.ts';
import type { Quantity } from '../../judge/format-quantity.ts';
import { quantityFor, sayDifference, sayDirection, sayRatio, saySide } from '../../judge/render-estimate.ts';
import type { Picture } from '../../judge/render-svg.ts';
import type { Band } from '../../judge/render-svg-axis.ts';
import { type IntervalScale, renderEvidence, renderIntervalLine, renderMeter } from '../../judge/render-terminal.ts';
import type { MetricVerdict, Outcome } from '../../judge/verdict.ts';
import { fit, wrapped } from '../screen/style.ts';
import { formatTable } from '../table.ts';
import type { Analysis } from './judge-recording.ts';
import type { Recording } from './recording.ts';
import type { SideSummary, Summary } from './summary.ts';

/** 0 Pass, 3 Fail, 4 undecided. */
export const EXIT_CODES = { Pass: 0, Fail: 3, Inconclusive: 4, Continue: 4 } as const satisfies Record<Outcome, number>;

const MARKS: Readonly<Record<Outcome, string>> = { Pass: '✓', Fail: '✗', Inconclusive: '?', Continue: '…' };
const PLOT_WIDTH = 56;
const LEAST_PLOT = 24;
const PLOT_LINES = 12;

/** `columns`: of the terminal. */
export function renderReport(analysis: Analysis, recording: Recording, summary: Summary, columns = Infinity): string {
  const prose = (text: string): string => wrapped(text, columns);
  const { verdict, firstMs, lastMs, historyIntervals } = analysis;
  const length = `${time(firstMs)} to ${time(lastMs)}, intervals of ${formatWait(recording.intervalMs)}`;
  return [
    prose(`${MARKS[verdict.outcome]} ${verdict.outcome}: ${verdict.says}`),
    '',
    prose(`${length}${historyIntervals > 0 ? `, after ${historyIntervals} with stable only` : ''}${decided(analysis)}`),
    '',
    sides(analysis, summary, columns),
    '',
    ...plot(analysis, columns),
    '',
    ...explain(analysis, recording, summary).map(prose),
  ].join('\n');
}

function sides({ metric }: Analysis, summary: Summary, columns: number): string {
  if (metric.shape === undefined) {
    return formatTable(
      ['SIDE', 'REQUESTS', 'BAD', 'RATE', 'PER INTERVAL', '5 % – 95 %', 'STAND OUT'],
      [row('stable', metric.stable, summary.stable), row('canary', metric.canary, summary.canary)],
      columns,
    );
  }
  const estimates = [sayRatio(metric), sayDifference(metric)];
  return formatTable(
    ['CANARY', 'STABLE', 'CANARY ÷ STABLE', 'CANARY − STABLE', 'GOOD'],
    [[saySide(metric, 'canary'), saySide(metric, 'stable'), ...estimates, sayDirection(metric)]],
    columns,
  );
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

/** One line per part of the recording: the interval of canary ÷ stable (or − stable) between the margins, and below the odds. */
function plot({ picture, verdict, metric }: Analysis, columns: number): string[] {
  const { points } = picture;
  const { scale, marks, write, sign } = scaleOf(picture, quantityFor(metric));
  const [from, to] = [write(scale.low), write(scale.high)];
  const rows = thin(points, PLOT_LINES).map(({ endMs, odds, weight, ratio, difference }) => {
    const band = picture.unit === undefined ? ratio : difference;
    const numbers = band === undefined ? 'nothing known' : numbersOf(picture, band, metric);
    return { endMs, band, beside: [numbers, formatPercent(weight / 100), formatOdds(odds)] };
  });
  const { width, count } = layoutOf(
    rows.map(({ beside }) => beside),
    columns,
  );
  const evidence = Math.min(width, points.length);
  const odds = `${formatOdds(metric.odds)}, fails at ${formatOdds(verdict.abortAtOdds)}`;
  const meter = Math.max(8, Math.min(24, columns - 'evidence  ▕▏ '.length - odds.length));
  const scaled = `canary ${sign} ${picture.control} from ${from} to ${to}${scale.isLinear === true ? '' : ', logarithmic'}; │ equal, ${marginWords(picture, write)}`;
  return [
    wrapped(scaled, columns),
    ...rows.map(({ endMs, band, beside }) => {
      const line = band === undefined ? ''.padEnd(width) : renderIntervalLine(band, marks, scale, width);
      return [time(endMs).slice(11, 19), line, ...beside.slice(0, count)].join('  ').trimEnd();
    }),
    '',
    `evidence  ${renderEvidence(
      thin(points, width).map(({ odds }) => odds),
      verdict.abortAtOdds,
      evidence,
    )}`,
    fit(`          ${renderMeter(metric.odds, verdict.abortAtOdds, meter)} ${odds}`, columns),
  ];
}

/** Of what stands beside the plot the rightmost goes first; then the plot gets narrower, down to where it shows nothing. */
function layoutOf(beside: readonly (readonly string[])[], columns: number): { width: number; count: number } {
  const room = (count: number): number => {
    const widest = beside.map((texts) => texts.slice(0, count).reduce((sum, { length }) => sum + length + 2, 0));
    return columns - 'HH:MM:SS  '.length - Math.max(0, ...widest);
  };
  const count = [3, 2].find((each) => room(each) >= PLOT_WIDTH) ?? (room(1) >= LEAST_PLOT ? 1 : 0);
  return { width: Math.max(1, Math.min(PLOT_WIDTH, room(count))), count };
}

function numbersOf(picture: Picture, { low, estimate, high }: Band, metric: MetricVerdict): string {
  const found = { estimate, interval: { low, high } };
  return picture.unit === undefined ? sayRatio({ ratio: found }) : sayDifference({ ...metric, difference: found });
}

/** The marks of the plot from its middle outwards, each with its value. */
function marginWords({ margins }: Picture, write: (value: number) => string): string {
  return margins
    .flatMap(({ fail, pass, isLower }) => [
      ...(Number.isFinite(fail) ? [`healthy ${isLower === true ? 'from' : 'to'} ${write(fail)}`] : []),
      ...(Number.isFinite(pass) ? [`passes ${isLower === true ? 'above' : 'below'} ${write(pass)}`] : []),
    ])
    .join(', ');
}

interface Scale {
  readonly scale: IntervalScale;
  readonly marks: readonly number[];
  readonly write: (value: number) => string;
  readonly sign: '÷' | '−';
}

function scaleOf({ points, margins, unit }: Picture, { change }: Quantity): Scale {
  const lines = margins.flatMap(({ fail, pass }) => [fail, pass]).filter(Number.isFinite);
  if (unit !== undefined) {
    const known = points.flatMap(({ difference }) => (difference === undefined ? [] : [difference.estimate]));
    // Early intervals are too wide to show beside the margins: they end at the edge.
    const last = points.findLast(({ difference }) => difference !== undefined)?.difference;
    const ends = [last?.low ?? 0, last?.high ?? 0].filter((end) => Math.abs(end) < 1e100);
    const most = 1.3 * Math.max(0, ...[...known, ...lines, ...ends].map(Math.abs)) || 1;
    return { scale: { low: -most, high: most, isLinear: true }, marks: [0, ...lines], write: change, sign: '−' };
  }
  const known = points.flatMap(({ ratio }) => (ratio === undefined ? [] : [ratio.estimate]));
  const near = lines.filter((value) => value > 0.05 && value < 20);
  const low = Math.max(0.05, Math.min(0.5, ...known, ...near.map((value) => value / 1.2)));
  const high = Math.min(50, Math.max(2, ...near.map((value) => value * 1.2), ...known.map((value) => value * 1.5)));
  const marks = [1, ...lines].filter((value) => value >= low && value <= high);
  return { scale: { low, high }, marks, write: formatRatio, sign: '÷' };
}

function explain({ metric, verdict }: Analysis, { notes }: Recording, summary: Summary): string[] {
  const skipped = Object.entries(metric.skippedIntervals).map(([reason, count]) => `${count} ${reason}`);
  const outliers = [...new Set([...(summary.stable?.outliers ?? []), ...(summary.canary?.outliers ?? [])])].toSorted(
    (a, b) => a - b,
  );
  return [
    `${formatIntervals(metric.usedIntervals)} used${skipped.length === 0 ? '' : `, left out: ${skipped.join(', ')}`}.`,
    noise(metric),
    ...(metric.uncalibrated === undefined
      ? []
      : [
          `Uncalibrated (${metric.uncalibrated}): ${metric.isLower === true ? 'down' : 'up'} to ${formatRatio(metric.failRatio)} counts as healthy.`,
        ]),
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

function noise({ shape, gauge, dispersion, dispersionSource, effectiveRequests }: MetricVerdict): string {
  if (shape === 'gauge') {
    return `${formatCount(gauge?.blocks ?? 0)} blocks of six intervals, worth ${effectiveRequests.toFixed(1)} independent ones.`;
  }
  if (shape === 'rate') return `${dispersion.toFixed(1)} events count as one (${dispersionSource}).`;
  return `${dispersion.toFixed(1)} bad events count as one (${dispersionSource}); ${formatCount(effectiveRequests)} effective canary requests.`;
}

function decided({ verdict, decidedAtMs, firstMs }: Analysis): string {
  if (decidedAtMs === undefined || verdict.outcome === 'Continue') return '';
  const what = verdict.outcome === 'Fail' ? 'aborted' : 'gone on';
  return `; at these odds a release would have ${what} after ${formatWait(decidedAtMs - firstMs)}`;
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

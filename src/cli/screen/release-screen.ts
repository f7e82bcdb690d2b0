/** One release on one screen (design: traffic of both sides, estimate with interval, evidence meter, verdict and why). Pure: lines in, lines out. */
import type { MetricVerdict } from '../../judge/verdict.ts';
import { formatCount, formatInterval, formatOdds, formatPercent, formatRatio } from '../../judge/format.ts';
import { canaryValue, controlValue, quantityFor, sayDifference, sayDirection } from '../../judge/render-estimate.ts';
import { renderEvidence, renderMeter, renderSparkline } from '../../judge/render-terminal.ts';
import { elapsed, milliseconds } from './numbers.ts';
import { padEnd, padStart, type Paint, type Tone, wrap } from './style.ts';
import type { ArmNumbers, ReleaseView } from './view.ts';

const TONES: Readonly<Record<string, Tone>> = {
  Promoted: 'green',
  Promoting: 'green',
  Pass: 'green',
  Aborted: 'red',
  Aborting: 'red',
  Fail: 'red',
  Held: 'yellow',
  Inconclusive: 'yellow',
  Continue: 'dim',
};
const MARKS: Readonly<Record<string, string>> = {
  Pass: '✓ Pass',
  Fail: '✗ Fail',
  Inconclusive: '? Inconclusive',
  Continue: '… undecided',
};

export const toneOf = (word: string): Tone => TONES[word] ?? 'cyan';

function header(view: ReleaseView, paint: Paint): string {
  const revisions =
    view.canaryRevision === '' ? view.stableRevision : `${view.stableRevision} → ${view.canaryRevision}`;
  const parts = [
    paint('bold', view.title),
    revisions,
    paint(toneOf(view.phase), view.phase),
    `canary ${view.weight} %`,
    view.step,
    elapsed(view.elapsedMs),
    paint('dim', view.router),
  ];
  return parts.filter((part) => part !== '').join('   ');
}

/** Columns from the most to the least important: narrow terminals lose them from the right. */
function armTable(view: ReleaseView, width: number, paint: Paint): readonly string[] {
  const cell = (value: number | undefined): string => (value === undefined ? '–' : formatCount(value));
  const columns: readonly (readonly [string, (arm: ArmNumbers) => string])[] = [
    ['pods', (arm) => cell(arm.pods)],
    ['requests', (arm) => cell(arm.requests)],
    ['errors', (arm) => cell(arm.errors)],
    ['rate', (arm) => share(arm.errors, arm.requests)],
    ['p50', (arm) => milliseconds(arm.p50Ms)],
    ['p95', (arm) => milliseconds(arm.p95Ms)],
    ['p99', (arm) => milliseconds(arm.p99Ms)],
  ];
  const shown = columns.slice(0, Math.max(2, Math.floor((width - 10) / 11)));
  const row = (title: string, cells: readonly string[]): string =>
    ` ${padEnd(title, 8)}${cells.map((text) => padStart(text, 11)).join('')}`;
  return [
    paint(
      'dim',
      row(
        '',
        shown.map(([title]) => title),
      ),
    ),
    row(
      'stable',
      shown.map(([, read]) => read(view.stable)),
    ),
    row(
      'canary',
      shown.map(([, read]) => read(view.canary)),
    ),
  ];
}

function metricLine(metric: MetricVerdict, paint: Paint): string {
  const { ratio, difference, shape } = metric;
  const estimate =
    ratio !== undefined
      ? `${padStart(formatRatio(ratio.estimate), 7)}  ${formatInterval(ratio.interval.low, ratio.interval.high)}`
      : shape !== undefined && difference !== undefined
        ? sayDifference(metric)
        : '–';
  const bar = renderMeter(metric.odds, metric.abortAtOdds, 20);
  const what = metric.boundaryMs === undefined ? '' : `> ${metric.boundaryMs} ms: `;
  const isTold = metric.boundaryMs !== undefined || shape !== undefined || metric.bound !== undefined;
  const detail = isTold ? ` (${what}${sidesOf(metric)})` : '';
  const mark = paint(toneOf(metric.outcome), MARKS[metric.outcome] ?? metric.outcome);
  return ` ${padEnd(metric.name, 10)}${padEnd(estimate, 22)} ${paint(metric.outcome === 'Fail' ? 'red' : 'cyan', bar)} ${padStart(formatOdds(metric.odds), 12)}  ${mark}${paint('dim', detail)}`;
}

/** `4.1 % / 4.0 %`, `612 MiB / 410 MiB`; of a metric that should be high, which way is good. */
function sidesOf(metric: MetricVerdict): string {
  const { value } = quantityFor(metric);
  const [canary, control] = [canaryValue(metric), controlValue(metric)];
  const one = (found: number | undefined): string => (found === undefined ? '–' : value(found));
  const way = metric.isLower === true || metric.isEither === true ? `; ${sayDirection(metric)}` : '';
  return `${one(canary)} / ${metric.bound === undefined ? '' : 'bound '}${one(control)}${way}`;
}

const share = (bad: number | undefined, total: number | undefined): string =>
  bad === undefined || total === undefined || !(total > 0) ? '–' : formatPercent(bad / total);

function evidenceLine(view: ReleaseView, paint: Paint): string {
  const abortAt = view.verdict?.abortAtOdds ?? 20;
  const weights = renderSparkline(view.weights, 24, 0, 100);
  const evidence = renderEvidence(view.evidence, abortAt, 24);
  const odds =
    view.verdict === undefined
      ? ''
      : `   all together ${formatOdds(view.verdict.odds)}, abort at ${formatOdds(abortAt)}`;
  return ` weight    ${paint('magenta', padEnd(weights, 24))}   evidence ${paint('cyan', padEnd(evidence, 24))}${paint('dim', odds)}`;
}

/** The lines of one release, none wider than the terminal when `fit` has been over them. */
export function renderRelease(view: ReleaseView, width: number, paint: Paint): readonly string[] {
  const metrics = view.verdict?.metrics ?? [];
  const says = view.verdict?.says ?? view.message;
  return [
    header(view, paint),
    '',
    ...armTable(view, width, paint),
    '',
    ...metrics.map((metric) => metricLine(metric, paint)),
    ...(metrics.length === 0 ? [paint('dim', ' no verdict yet')] : []),
    evidenceLine(view, paint),
    '',
    ` ${paint(toneOf(view.phase), view.reason === '' || view.reason === view.phase ? view.phase : `${view.phase} (${view.reason})`)}`,
    ...wrap(says, width - 3, 3).map((line) => `   ${line}`),
  ];
}

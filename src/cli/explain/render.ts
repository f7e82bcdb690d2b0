/** An explanation as text: the verdict, a table of both sides, and per metric the rule, what tipped it and what to ask Prometheus. Pure. */
import type { ResolvedMetric } from '../../api/analysis-run.ts';
import {
  formatCount,
  formatIntervals,
  formatOdds,
  formatPercent,
  formatRatio,
  formatWait,
} from '../../judge/format.ts';
import { quantityOf } from '../../judge/format-quantity.ts';
import { perOf } from '../../judge/query-shape.ts';
import { quantityFor, sayDifference, sayLines, sayRatio, saySide } from '../../judge/render-estimate.ts';
import type { MetricVerdict, Outcome } from '../../judge/verdict.ts';
import { formatTable } from '../table.ts';
import { measuredLines } from './measured.ts';
import type { Explanation, ExplainedMetric, Measurement } from './explanation.ts';

export interface RenderOptions {
  /** Where Prometheus is; links are made with it. */
  readonly prometheus?: string;
  /** The queries of the newest poll, word for word, at the end. */
  readonly hasAsked: boolean;
  /** Of the terminal; absent: no limit. */
  readonly columns?: number;
}

const MARKS: Readonly<Record<Outcome, string>> = { Pass: '✓', Fail: '✗', Inconclusive: '?', Continue: '…' };

export function renderExplanation(explanation: Explanation, options: RenderOptions): string {
  const { verdict, metrics, measured } = explanation;
  return [
    headOf(explanation),
    ...changedLines(explanation),
    ...siblingLines(explanation),
    '',
    ...(verdict === undefined
      ? [explanation.message ?? 'Nothing was judged yet: no interval has data of both sides.']
      : verdictLines(explanation)),
    '',
    ...(verdict === undefined || metrics.length === 0 ? [] : [tableOf(metrics, options.columns), '']),
    ...metrics.flatMap((metric) => [...metricLines(explanation, metric, options), '']),
    ...measured.flatMap((metric) => [...measuredLines(metric, options.prometheus), '']),
    ...nextLines(explanation),
    ...(options.hasAsked ? askedLines(explanation) : []),
  ]
    .join('\n')
    .trimEnd();
}

function headOf({ namespace, run, release, revision, attempt, phase, startedAtMs }: Explanation): string {
  const tries = attempt === 1 ? '' : `, attempt ${attempt}`;
  return `${namespace}/${run}: ${phase}. Release ${release}, revision ${revision}${tries}, since ${clock(startedAtMs)}.`;
}

function changedLines({ siblings }: Explanation): readonly string[] {
  const { changed } = siblings ?? {};
  return changed === undefined ? [] : [`With it the content of ${changed.join(' and ')} changed.`];
}

/** Which run decided, and what the others say. */
function siblingLines({ run, siblings }: Explanation): readonly string[] {
  if (siblings === undefined) return [];
  const { decided, whole, others } = siblings;
  if (others.length === 0 && decided !== run) return [];
  const kind = (name: string): string => (name === whole ? 'the whole release' : 'a step with an analysis of its own');
  const own = decided === run ? `It decided (${kind(run)}).` : `It is of ${kind(run)}; ${decided ?? 'none'} decided.`;
  return [
    own,
    ...others.map(
      ({ name, phase, outcome, says }) =>
        `Beside it ${name} (${kind(name)}): ${outcome ?? phase}${says === undefined ? '' : `; ${says.slice(0, 200)}`}`,
    ),
  ];
}

function verdictLines({ verdict, rule, startedAtMs }: Explanation): readonly string[] {
  if (verdict === undefined) return [];
  const { outcome, weight, step, says, odds, abortAtOdds, intervalEndMs, failedAtMs } = verdict;
  const endMs = failedAtMs ?? intervalEndMs;
  const after = endMs > startedAtMs ? `, after ${formatWait(endMs - startedAtMs)}` : '';
  return [
    `${MARKS[outcome]} ${outcome} at ${weight} % (step ${step})${after}.`,
    `  ${says}`,
    `  Odds of the whole run against a healthy canary ${formatOdds(odds)}; it aborts at ${formatOdds(abortAtOdds)}: a healthy canary gets there with at most ${formatPercent(rule.falseAbort)} probability, however often one looks.`,
  ];
}

function tableOf(metrics: readonly ExplainedMetric[], columns?: number): string {
  const rows = metrics.flatMap(({ name, verdict }) => {
    if (verdict === undefined) return [[name, 'not judged', '', '', '', '', '', '']];
    const { outcome, odds, share } = verdict;
    return [
      [
        name,
        `${MARKS[outcome]} ${outcome}`,
        saySide(verdict, 'canary'),
        saySide(verdict, 'stable'),
        sayRatio(verdict),
        sayDifference(verdict),
        formatOdds(odds),
        formatPercent(share),
      ],
    ];
  });
  return formatTable(
    ['METRIC', 'OUTCOME', 'CANARY', 'STABLE', 'CANARY ÷ STABLE', 'CANARY − STABLE', 'ODDS', 'SHARE'],
    rows,
    columns,
  );
}

function metricLines(explanation: Explanation, metric: ExplainedMetric, options: RenderOptions): readonly string[] {
  const { name, rule, verdict, value, questions } = metric;
  const source = rule.queryName === undefined ? 'a query of its own' : `MetricQuery ${rule.queryName}`;
  return [
    `${name}${rule.critical ? ' (critical)' : ''}, by ${source}`,
    `  ${marginsOf(rule, verdict)}`,
    ...(verdict?.lines === undefined ? [] : [`  Now: ${sayLines(verdict)}.`]),
    ...(verdict === undefined ? [] : evidenceLines(verdict)),
    ...tippingLines(metric),
    `  To see it in Prometheus (${value}):`,
    ...questions.flatMap(({ side, query, graph }) => [
      `    # ${side}`,
      `    ${query}`,
      ...(options.prometheus === undefined ? [] : [`    ${options.prometheus.replace(/\/+$/, '')}${graph}`]),
    ]),
  ];
}

/** The intervals that moved the evidence most; their numbers as far as the status still has them. */
function tippingLines({ verdict, tipping }: ExplainedMetric): readonly string[] {
  if (verdict === undefined || verdict.tippedBy.length === 0) return [];
  return [
    `  ${verdict.outcome === 'Fail' ? 'Tipped' : 'Moved most towards a Fail'} by the intervals that end at`,
    ...verdict.tippedBy.map((ms) => {
      const kept = tipping.find(({ endMs }) => endMs === ms);
      return kept === undefined
        ? `    ${clock(ms)}   (its numbers are no longer kept)`
        : `    ${measurementLine(kept, verdict)}`;
    }),
  ];
}

/** The margins as the rule has them, or wider where the noise of stable pods is not known, in the direction that is judged. */
function marginsOf(rule: ResolvedMetric, verdict: MetricVerdict | undefined): string {
  const { pass, direction } = rule;
  const fail = verdict?.uncalibrated === undefined ? rule.fail : { ...rule.fail, ratio: verdict.failRatio };
  const [high, low] = [
    (margin: ResolvedMetric['fail']) => marginOf(rule, margin, false),
    (margin: ResolvedMetric['fail']) => marginOf(rule, margin, true),
  ];
  const isPlain = rule.query.counts !== undefined || rule.query.histogram !== undefined;
  if (direction === 'lower')
    return `Higher is better: healthy down to ${low(fail)}; passes when surely above ${low(pass)}.`;
  if (direction === 'either')
    return `Neither higher nor lower is better: healthy from ${low(fail)} to ${high(fail)}; passes when surely between ${low(pass)} and ${high(pass)}.`;
  return `${isPlain ? 'Healthy' : 'Lower is better: healthy'} up to ${high(fail)}; passes when surely below ${high(pass)}.`;
}

function marginOf(
  { query, against }: ResolvedMetric,
  { ratio, difference }: ResolvedMetric['fail'],
  isLower: boolean,
): string {
  const shape = query.rate === undefined ? (query.gauge === undefined ? undefined : 'gauge') : 'rate';
  const quantity = quantityOf({
    ...(shape === undefined ? {} : { shape }),
    ...(query.unit === undefined ? {} : { unit: query.unit }),
    ...(perOf(query) === 'time' ? { isPerSecond: true } : {}),
  });
  const constant = against?.constant;
  const control = constant === undefined ? (against?.workload ?? 'stable') : `the bound of ${quantity.value(constant)}`;
  const times = constant !== undefined && ratio === 1 ? '' : `${formatRatio(isLower ? 1 / ratio : ratio)} `;
  return `${times}${control}${difference === 0 ? '' : ` ${quantity.change(isLower ? -difference : difference)}`}`;
}

function evidenceLines(verdict: MetricVerdict): readonly string[] {
  const { says, usedIntervals, skippedIntervals, uncalibrated, failRatio, isLower } = verdict;
  const skipped = Object.entries(skippedIntervals).map(([reason, count]) => `${count} ${reason}`);
  return [
    `  ${says}`,
    `  ${formatIntervals(usedIntervals)} used${skipped.length === 0 ? '' : `, left out: ${skipped.join(', ')}`}. ${noiseOf(verdict)}`,
    ...(uncalibrated === undefined
      ? []
      : [
          `  Uncalibrated (${uncalibrated}), so ${isLower === true ? 'down' : 'up'} to ${formatRatio(failRatio)} counts as healthy.`,
        ]),
    `  Odds that it is within the pass margin: ${formatOdds(verdict.passOdds)}, passes at ${formatOdds(verdict.passAtOdds)}.`,
  ];
}

/** How noisy it is, and what that makes of the data. */
function noiseOf({ shape, gauge, dispersion, dispersionSource, effectiveRequests }: MetricVerdict): string {
  if (shape === 'gauge') {
    return `${formatCount(gauge?.blocks ?? 0)} blocks of six intervals, as they follow each other worth ${effectiveRequests.toFixed(1)} independent ones.`;
  }
  const what = shape === 'rate' ? 'events' : 'bad events';
  const noise = dispersion < 1.05 ? `${what} come one by one` : `${dispersion.toFixed(1)} ${what} count as one`;
  const said = `${noise.charAt(0).toUpperCase()}${noise.slice(1)} (${dispersionSource})`;
  return shape === 'rate'
    ? `${said}.`
    : `${said}, so the canary’s requests are worth ${formatCount(effectiveRequests)} independent ones.`;
}

/** One interval: counts, or the value of a rate or gauge in its unit. */
function measurementLine(
  { endMs, weight, canary, stable, gauge }: Measurement,
  verdict: MetricVerdict | undefined,
): string {
  const { value } = verdict === undefined ? quantityOf({}) : quantityFor(verdict);
  const isRate = verdict?.shape === 'rate';
  const counted = ({ bad, total }: Measurement['canary']): string => {
    const part = total > 0 ? value(bad / total) : 'nothing';
    if (isRate) return part;
    return `${formatCount(bad)} of ${formatCount(total)}${total > 0 ? ` (${part})` : ''}`;
  };
  const [here, there] =
    gauge === undefined ? [counted(canary), counted(stable)] : [value(gauge.canary), value(gauge.stable)];
  return `${clock(endMs)}   ${weight} %   canary ${here}   stable ${there}`;
}

/** What a person can do now. */
function nextLines({ verdict, release, namespace }: Explanation): readonly string[] {
  const where = `${release} -n ${namespace}`;
  switch (verdict?.outcome) {
    case 'Fail':
      return [
        `Next: fix it and roll out again, or judge the same revision once more, with a smaller error probability: serin retry ${where}`,
      ];
    case 'Inconclusive':
      return [`Next: bring what is missing, or decide yourself: serin promote ${where}, or serin abort ${where}`];
    case 'Pass':
    case 'Continue':
    case undefined:
      return [];
  }
}

function askedLines({ asked }: Explanation): readonly string[] {
  return [
    '',
    'Asked at the newest poll, word for word:',
    ...(asked.length === 0 ? ['  nothing yet'] : asked.flatMap((query) => ['', query])),
  ];
}

function clock(ms: number): string {
  return Number.isFinite(ms) ? new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z') : '–';
}

/** An explanation as text: the verdict, a table of both sides, and per metric the rule, what tipped it and what to ask Prometheus. Pure. */
import type { ResolvedMetric } from '../../api/analysis-run.ts';
import {
  formatAmount,
  formatChange,
  formatCount,
  formatInterval,
  formatOdds,
  formatPercent,
  formatPoints,
  formatRatio,
  formatWait,
} from '../../judge/format.ts';
import type { MetricVerdict, Outcome } from '../../judge/verdict.ts';
import { formatTable } from '../table.ts';
import { measuredLines } from './measured.ts';
import type { Explanation, ExplainedMetric, Measurement } from './explanation.ts';

export interface RenderOptions {
  /** Where Prometheus is; links are made with it. */
  readonly prometheus?: string;
  /** The queries of the newest poll, word for word, at the end. */
  readonly hasAsked: boolean;
}

const MARKS: Readonly<Record<Outcome, string>> = { Pass: '✓', Fail: '✗', Inconclusive: '?', Continue: '…' };

export function renderExplanation(explanation: Explanation, options: RenderOptions): string {
  const { verdict, metrics, measured } = explanation;
  return [
    headOf(explanation),
    '',
    ...(verdict === undefined
      ? [explanation.message ?? 'Nothing was judged yet: no interval has data of both sides.']
      : verdictLines(explanation)),
    '',
    ...(verdict === undefined || metrics.length === 0 ? [] : [tableOf(metrics), '']),
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

function tableOf(metrics: readonly ExplainedMetric[]): string {
  const rows = metrics.flatMap(({ name, verdict }) => {
    if (verdict === undefined) return [[name, 'not judged', '', '', '', '', '']];
    const { outcome, ratio, odds, share } = verdict;
    const found =
      ratio === undefined
        ? '–'
        : `${formatRatio(ratio.estimate)} ${formatInterval(ratio.interval.low, ratio.interval.high)}`;
    return [
      [
        name,
        `${MARKS[outcome]} ${outcome}`,
        sideOf(verdict, 'canary'),
        sideOf(verdict, 'stable'),
        found,
        formatOdds(odds),
        formatPercent(share),
      ],
    ];
  });
  return formatTable(['METRIC', 'OUTCOME', 'CANARY', 'STABLE', 'CANARY ÷ STABLE', 'ODDS', 'SHARE'], rows);
}

function sideOf(verdict: MetricVerdict, side: 'canary' | 'stable'): string {
  const { shape, gauge, bound } = verdict;
  const write = shape === undefined ? formatPercent : formatAmount;
  if (side === 'stable' && bound !== undefined) return `bound ${write(bound)}`;
  if (shape === 'gauge')
    return gauge === undefined ? '–' : formatAmount(side === 'canary' ? gauge.canary : gauge.control);
  const { bad, total } = verdict[side];
  return total > 0 ? `${formatCount(bad)} of ${formatCount(total)} (${write(bad / total)})` : 'no requests';
}

function metricLines(explanation: Explanation, metric: ExplainedMetric, options: RenderOptions): readonly string[] {
  const { name, rule, verdict, tipping, value, questions } = metric;
  const source = rule.queryName === undefined ? 'a query of its own' : `MetricQuery ${rule.queryName}`;
  return [
    `${name}${rule.critical ? ' (critical)' : ''}, by ${source}`,
    `  Healthy up to ${marginOf(rule, rule.fail)}; passes when surely below ${marginOf(rule, rule.pass)}.`,
    ...(verdict === undefined ? [] : evidenceLines(verdict)),
    ...(tipping.length === 0
      ? []
      : ['  Tipped by the intervals that end at', ...tipping.map((one) => `    ${measurementLine(one)}`)]),
    `  To see it in Prometheus (${value}):`,
    ...questions.flatMap(({ side, query, graph }) => [
      `    # ${side}`,
      `    ${query}`,
      ...(options.prometheus === undefined ? [] : [`    ${options.prometheus.replace(/\/+$/, '')}${graph}`]),
    ]),
  ];
}

function marginOf({ query, against }: ResolvedMetric, { ratio, difference }: ResolvedMetric['fail']): string {
  const control = against?.constant === undefined ? (against?.workload ?? 'stable') : 'the bound';
  if (difference === 0) return `${formatRatio(ratio)} ${control}`;
  const isShare = query.counts !== undefined || query.histogram !== undefined;
  return `${formatRatio(ratio)} ${control} ${isShare ? formatPoints(difference) : formatChange(difference)}`;
}

function evidenceLines(verdict: MetricVerdict): readonly string[] {
  const {
    says,
    usedIntervals,
    skippedIntervals,
    dispersion,
    dispersionSource,
    effectiveRequests,
    uncalibrated,
    failRatio,
  } = verdict;
  const skipped = Object.entries(skippedIntervals).map(([reason, count]) => `${count} ${reason}`);
  const noise = dispersion < 1.05 ? 'Bad events come one by one' : `${dispersion.toFixed(1)} bad events count as one`;
  return [
    `  ${says}`,
    `  ${formatCount(usedIntervals)} intervals used${skipped.length === 0 ? '' : `, left out: ${skipped.join(', ')}`}. ${noise} (${dispersionSource}), so the canary’s requests are worth ${formatCount(effectiveRequests)} independent ones.`,
    ...(uncalibrated === undefined
      ? []
      : [`  Uncalibrated (${uncalibrated}): up to ${formatRatio(failRatio)} counts as healthy.`]),
    `  Odds that it is within the pass margin: ${formatOdds(verdict.passOdds)}, passes at ${formatOdds(verdict.passAtOdds)}.`,
  ];
}

function measurementLine({ endMs, weight, canary, stable }: Measurement): string {
  const side = ({ bad, total }: Measurement['canary']): string =>
    `${formatCount(bad)} of ${formatCount(total)}${total > 0 ? ` (${formatPercent(bad / total)})` : ''}`;
  return `${clock(endMs)}   ${weight} %   canary ${side(canary)}   stable ${side(stable)}`;
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

/** A forecast as text: what each step sees and when it passes, what cannot be decided in time, and a better plan. Pure. */
import { formatPercent, formatRatio, formatWait } from '../../judge/format.ts';
import type { PlanForecast, PlanInput, StepForecast } from '../../stats/planner.ts';
import { padStart } from '../screen/style.ts';

const COLUMNS = [
  'step',
  'weight',
  'lasts',
  'canary req/s',
  'sees ×2 within',
  '×1.5 within',
  '×1.2 within',
  'passes after (if equal)',
];

/** Of a Release the metric that is slowest of `of` to pass. */
interface PlannedMetric {
  readonly name: string;
  readonly critical: boolean;
  readonly of: number;
}

/** `name` is what is planned: a Release, or nothing. */
export function renderPlan(input: PlanInput, forecast: PlanForecast, name?: string, metric?: PlannedMetric): string {
  const rows = forecast.steps.map((step, k) => [String(k + 1), ...cellsOf(step)]);
  const widths = COLUMNS.map((title, k) => Math.max(title.length, ...rows.map((row) => (row[k] ?? '').length)));
  const line = (cells: readonly string[]): string => cells.map((cell, k) => padStart(cell, widths[k] ?? 0)).join('   ');
  const noise = input.dispersion >= 1.2 ? ` (bursty)` : '';
  const of =
    metric === undefined
      ? []
      : [
          `Metric ${metric.name}${metric.critical ? ' (critical)' : ''}, with ${formatPercent(input.share)} of the evidence${metric.of > 1 ? `: the slowest of ${metric.of} to pass` : ''}.`,
        ];
  return [
    `${name === undefined ? '' : `${name}: `}${perSecond(input.requestsPerSecond)} requests/s, ${formatPercent(input.badShare)} bad now, dispersion ${input.dispersion.toFixed(1)}${noise}`,
    ...of,
    '',
    line(COLUMNS),
    ...rows.map((row, k) => `${line(row)}${warningMark(forecast.steps[k])}`),
    '',
    ...forecast.steps.flatMap((step, k) => warningsOf(input, step, k + 1)),
    smallest(forecast),
    ...better(forecast),
    'Typical times (medians), counted from the start of each step at its weight; they promise nothing.',
  ].join('\n');
}

function cellsOf({ weight, durationMs, canaryPerSecond, seesMs, passesMs }: StepForecast): string[] {
  const wait = (ms: number | undefined): string => (ms === undefined ? 'never' : formatWait(ms));
  return [
    `${weight} %`,
    formatWait(durationMs),
    perSecond(canaryPerSecond),
    wait(seesMs.double),
    wait(seesMs.half),
    wait(seesMs.fifth),
    wait(passesMs),
  ];
}

function warningMark(step: StepForecast | undefined): string {
  if (step?.isTooShort !== true) return '';
  return `   ⚠ ${step.passesMs === undefined ? 'cannot pass at this traffic' : `longer than this step’s ${formatWait(step.durationMs)}`}`;
}

function warningsOf(input: PlanInput, step: StepForecast, number: number): string[] {
  if (!step.isTooShort) return [];
  const fix =
    step.passesMs === undefined
      ? 'raise its weight, or widen the pass margin'
      : `give it ${formatWait(step.passesMs)}, raise its weight, or let onInconclusive say what to do`;
  const sees = step.seesMs.double !== undefined && step.seesMs.double <= step.durationMs;
  const blind = sees
    ? ''
    : ` It does not even see errors doubling${input.badShare === 0 ? ' (there are none now)' : ''} in its time.`;
  return [`⚠ Step ${number} usually ends inconclusive: ${fix}.${blind}`];
}

function smallest({ smallestVisible }: PlanForecast): string {
  return smallestVisible === undefined
    ? 'This plan sees no lasting regression at all at this traffic.'
    : `Smallest lasting regression this plan usually sees: ${formatRatio(smallestVisible)}.`;
}

function better({ better: found }: PlanForecast): string[] {
  if (found === undefined) return [];
  return [`Same total time, better: weights ${found.weights.join(', ')} (sees ${formatRatio(found.smallestVisible)}).`];
}

function perSecond(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
}

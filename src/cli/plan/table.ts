/** A forecast as text: what each step sees and when it passes, what cannot be decided in time, and a better plan. Pure. */
import { formatIntervals, formatPercent, formatRatio, formatWait } from '../../judge/format.ts';
import { type PlanForecast, type PlanInput, smallestVisibleOf, type StepForecast } from '../../stats/planner.ts';
import { FEWEST_INTERVALS } from '../../stats/rule.ts';
import { padStart, wrapped } from '../screen/style.ts';
import { columnsWithin } from '../table.ts';

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

/** `name` is what is planned: a Release, or nothing. `columns`: of the terminal. */
export function renderPlan(
  input: PlanInput,
  forecast: PlanForecast,
  name?: string,
  metric?: PlannedMetric,
  columns = Infinity,
): string {
  const rows = forecast.steps.map((step, k) => [String(k + 1), ...cellsOf(input, step)]);
  const widths = COLUMNS.map((title, k) => Math.max(title.length, ...rows.map((row) => (row[k] ?? '').length)));
  // Beside the table there is room for a mark.
  const shown = columnsWithin(widths, columns - 4);
  const line = (cells: readonly string[]): string =>
    cells
      .slice(0, shown)
      .map((cell, k) => padStart(cell, widths[k] ?? 0))
      .join('   ');
  const marked = (row: string, mark: string): string =>
    `${row}${row.length + mark.length <= columns ? mark : mark.slice(0, 4)}`;
  const noise = input.dispersion >= 1.2 ? ` (bursty)` : '';
  const of =
    metric === undefined
      ? []
      : [
          `Metric ${metric.name}${metric.critical ? ' (critical)' : ''}, with ${formatPercent(input.share)} of the evidence${metric.of > 1 ? `: the slowest of ${metric.of} to pass` : ''}.`,
        ];
  const head = [
    `${name === undefined ? '' : `${name}: `}${perSecond(input.requestsPerSecond)} request${input.requestsPerSecond === 1 ? '' : 's'}/s, ${formatPercent(input.badShare)} bad now, dispersion ${input.dispersion.toFixed(1)}${noise}`,
    ...of,
  ];
  const below = [
    ...impossible(input),
    ...unseen(input, forecast),
    ...forecast.steps.flatMap((step, k) => warningsOf(input, step, k + 1)),
    smallest(input, forecast),
    ...better(forecast),
    'Typical times (medians), counted from the start of each step at its weight; they promise nothing.',
  ];
  const prose = (lines: readonly string[]): string[] => lines.map((text) => wrapped(text, columns));
  const table = [line(COLUMNS), ...rows.map((row, k) => marked(line(row), warningMark(forecast.steps[k])))];
  return [...prose(head), '', ...table, '', ...prose(below)].join('\n');
}

/** More than all requests cannot be bad. */
const isPossible = ({ badShare }: PlanInput, ratio: number): boolean => badShare * ratio <= 1;

function cellsOf(input: PlanInput, { weight, durationMs, canaryPerSecond, seesMs, passesMs }: StepForecast): string[] {
  const sees = (ratio: number, ms: number | undefined): string => (isPossible(input, ratio) ? wait(ms) : '–');
  const wait = (ms: number | undefined): string => (ms === undefined ? 'never' : formatWait(ms));
  return [
    `${weight} %`,
    formatWait(durationMs),
    perSecond(canaryPerSecond),
    sees(2, seesMs.double),
    sees(1.5, seesMs.half),
    sees(1.2, seesMs.fifth),
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
  const blind =
    sees || !isPossible(input, 2)
      ? ''
      : ` It does not even see errors doubling${input.badShare === 0 ? ' (there are none now)' : ''} in its time.`;
  return [`⚠ Step ${number} usually ends inconclusive: ${fix}.${blind}`];
}

function smallest(input: PlanInput, { smallestVisible }: PlanForecast): string {
  if (smallestVisible !== undefined && isPossible(input, smallestVisible))
    return `Smallest lasting regression this plan usually sees: ${formatRatio(smallestVisible)}.`;
  if (input.badShare >= 1) return 'Every request is bad now, so nothing can be worse.';
  const intervals = input.steps.reduce((sum, { durationMs }) => sum + Math.floor(durationMs / input.intervalMs), 0);
  if (intervals < FEWEST_INTERVALS) {
    const last =
      intervals === 0 ? 'none of its steps lasts an interval' : `its steps last ${formatIntervals(intervals)}`;
    return `This plan sees no regression at all: ${last} of ${formatWait(input.intervalMs)}, and a Fail needs ${FEWEST_INTERVALS}. Give them more time, or make intervals shorter.`;
  }
  return 'This plan sees no lasting regression at all, in this time and at this traffic.';
}

/** With these no step of a plan says never for want of requests. */
const ENDLESS = { requestsPerSecond: 1e6, weight: 50 };

/** Where ×1.2 is never seen because of the margins: no traffic changes that. */
function unseen(input: PlanInput, { steps }: PlanForecast): string[] {
  const isNever = steps.some(({ seesMs }) => seesMs.fifth === undefined) && isPossible(input, 1.2);
  if (!isNever) return [];
  const { requestsPerSecond, weight } = ENDLESS;
  const least = smallestVisibleOf({ ...input, requestsPerSecond, steps: [{ weight, durationMs: input.horizonMs }] });
  if (least === undefined || least <= 1.2) return [];
  return [
    `never: up to ${formatRatio(input.fail.ratio)} is healthy, and below about ${formatRatio(least)} nothing is ever called worse, whatever the traffic.`,
  ];
}

function impossible({ badShare }: PlanInput): string[] {
  const [least] = [1.2, 1.5, 2].filter((ratio) => badShare * ratio > 1);
  if (least === undefined || badShare >= 1) return [];
  return [`–: ${formatPercent(badShare)} bad now, so ×${least} would be more than all requests.`];
}

function better({ better: found }: PlanForecast): string[] {
  if (found === undefined) return [];
  return [`Same total time, better: weights ${found.weights.join(', ')} (sees ${formatRatio(found.smallestVisible)}).`];
}

function perSecond(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(2)));
}

/** Times and limits of metrics as Argo Rollouts has them: unreadable ones, and those that no run could ever come to. */
import { at, type Fields } from '../../api/fields.ts';
import { formatDuration, quote, readDurationMs } from '../../api/units.ts';
import { argoMetrics } from './argo.ts';
import type { Check } from './context.ts';
import { finding, type LintFinding, writtenPath } from './finding.ts';
import type { Path, SourceObject } from './source.ts';

/** Times and limits of every metric with a provider. */
export const checkLimits: Check = (object, { options }) =>
  argoMetrics(object).flatMap(({ metric, path }) => [
    ...durationFindings(object, metric, path),
    ...countFindings(object, metric, path),
    ...intervalFindings(object, metric, path, options.scrapeMs),
  ]);

function durationFindings(object: SourceObject, metric: Fields, path: Path): readonly LintFinding[] {
  return ['interval', 'initialDelay'].flatMap((field) => {
    const value = metric[field];
    if (value === undefined || isPlaceholder(value) || readDurationMs(value) !== undefined) return [];
    return [
      finding(
        'schema',
        object.place([...path, field]),
        `${writtenPath([...path, field])} is ${quote(value)}. Write a duration such as 30s, 5m or 1h30m.`,
      ),
    ];
  });
}

const isPlaceholder = (value: unknown): boolean => typeof value === 'string' && value.includes('{{');

/** A whole number, or a string of one; `undefined` for what is left out, unreadable or an argument. */
export function wholeNumber(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) ? number : undefined;
}

/** How often a metric is measured; `undefined`: until the run ends. As `EffectiveCount` in Argo. */
export function measurementsOf(metric: Fields): number | undefined {
  const count = wholeNumber(metric['count']) ?? 0;
  if (count > 0) return count;
  return metric['interval'] === undefined ? 1 : undefined;
}

const LIMITS = ['failureLimit', 'inconclusiveLimit', 'consecutiveErrorLimit', 'consecutiveSuccessLimit', 'count'];

function countFindings(object: SourceObject, metric: Fields, path: Path): readonly LintFinding[] {
  const found: LintFinding[] = [];
  const say = (rule: 'schema' | 'unreachable-limit', field: string, message: string): void => {
    found.push(finding(rule, object.place([...path, field]), `${writtenPath([...path, field])} ${message}`));
  };
  for (const field of LIMITS) {
    const value = metric[field];
    if (value === undefined || isPlaceholder(value)) continue;
    const number = wholeNumber(value);
    const least = field === 'failureLimit' ? -1 : 0;
    if (number === undefined || number < least)
      say(
        'schema',
        field,
        `is ${quote(value)}. Write a whole number${least === 0 ? ' from 0' : ', or -1 to turn the limit off'}.`,
      );
  }
  const count = measurementsOf(metric);
  const written = wholeNumber(metric['count']) ?? 0;
  if (written > 1 && metric['interval'] === undefined) {
    say(
      'schema',
      'count',
      `is ${written}, but there is no interval between the measurements. Write interval, e.g. 1m.`,
    );
  }
  if (count === undefined) return found;
  const times = count === 1 ? 'once' : `${count} times`;
  for (const [field, what] of [
    ['failureLimit', 'fail'],
    ['inconclusiveLimit', 'become inconclusive'],
  ] as const) {
    const limit = wholeNumber(metric[field]);
    if (limit === undefined || limit < count) continue;
    say(
      'unreachable-limit',
      field,
      `is ${limit}, but the metric is measured ${times}, so it can never ${what}: more than ${limit} are needed. Write at most ${count - 1}.`,
    );
  }
  const successes = wholeNumber(metric['consecutiveSuccessLimit']);
  if (successes !== undefined && successes > count) {
    say(
      'unreachable-limit',
      'consecutiveSuccessLimit',
      `is ${successes}, but the metric is measured ${times}, so it can never succeed. Write at most ${count}, or raise count.`,
    );
  }
  return found;
}

function intervalFindings(object: SourceObject, metric: Fields, path: Path, scrapeMs: number): readonly LintFinding[] {
  const intervalMs = readDurationMs(metric['interval']);
  if (intervalMs === undefined || at(metric, 'provider', 'prometheus') === undefined || intervalMs >= scrapeMs)
    return [];
  const field = [...path, 'interval'];
  if (intervalMs === 0)
    return [
      finding(
        'schema',
        object.place(field),
        `${writtenPath(field)} is 0s. Write the time between two measurements, e.g. 1m.`,
      ),
    ];
  const times = Math.ceil(scrapeMs / intervalMs);
  return [
    finding(
      'short-interval',
      object.place(field),
      `${writtenPath(field)} is ${formatDuration(intervalMs)}, shorter than the scrape interval (${formatDuration(scrapeMs)}): each sample would be judged ${times === 2 ? 'twice' : `${times} times`}. Write at least ${formatDuration(scrapeMs)}.`,
    ),
  ];
}

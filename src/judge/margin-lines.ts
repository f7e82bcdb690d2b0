/** Where the margins of a metric stand: as canary ÷ control, and in its own unit. */
import { lineOf } from './comparison.ts';
import type { MetricEvidence } from './metric-evidence.ts';
import type { MarginLines, MetricVerdict } from './verdict.ts';

/** The fail line as canary ÷ control; a bound's difference is part of it. */
export function lineRatio({ rule }: MetricEvidence, ratio: number, isLower: true | undefined): number {
  const { constant, fail } = rule;
  if (constant === undefined) return isLower === undefined ? ratio : 1 / ratio;
  const line = lineOf({ ratio, difference: fail.difference }, isLower, constant);
  return Math.max(0, (line.bound ?? 0) / constant);
}

/** Both margins in the unit of the metric, for every direction that is judged; the one shown comes first. */
export function linesOf(
  { rule }: MetricEvidence,
  shown: true | undefined,
  healthy: number,
  control: number | undefined,
): Pick<MetricVerdict, 'lines'> {
  if (control === undefined || !Number.isFinite(control)) return {};
  const of = (isLower: true | undefined): MarginLines => {
    const at = ({ ratio, difference }: { ratio: number; difference: number }): number => {
      const line = lineOf({ ratio, difference }, isLower, rule.constant);
      return line.bound ?? line.ratio * control + line.difference;
    };
    const fail = at({ ratio: healthy, difference: rule.fail.difference });
    return { ...(isLower === undefined ? {} : { isLower }), fail, pass: at(rule.pass) };
  };
  const sides = [of(shown), ...(rule.direction === 'either' ? [of(shown === true ? undefined : true)] : [])];
  return sides.every(({ fail, pass }) => Number.isFinite(fail) && Number.isFinite(pass)) ? { lines: sides } : {};
}

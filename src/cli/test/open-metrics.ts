/** Series as OpenMetrics text with a time at each sample, as `promtool tsdb create-blocks-from openmetrics` reads it. Pure. */
import type { Series } from '../../metrics/port.ts';

export function openMetrics(series: readonly Series[]): string {
  const lines = series.flatMap(({ labels, samples }) => {
    const { __name__: name = '', ...rest } = labels;
    const pairs = Object.entries(rest).map(([key, value]) => `${key}="${escaped(value)}"`);
    const head = pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
    return samples.map(({ timeMs, value }) => `${head} ${numberOf(value)} ${(timeMs / 1000).toFixed(3)}`);
  });
  return `${lines.join('\n')}\n# EOF\n`;
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function numberOf(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}

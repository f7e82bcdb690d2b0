/** The numbers that decide, resolved just as for a release: what is asked offline is what a release would have done. Pure. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import type { AnalysisSpec } from '../../api/release.ts';
import { SerinError } from '../../errors.ts';
import { isFinding } from '../../judge/resolve-metric.ts';
import { resolveOffline } from '../specs/resolve.ts';

export interface RuleInput {
  readonly metric: string;
  readonly isCritical: boolean;
  /** Preset, error probability and times; what it leaves out is as in a release. Its templates are not looked at. */
  readonly analysis?: Partial<AnalysisSpec>;
  readonly query?: MetricQuerySpec;
  /** Whose settings these are, e.g. `web.yaml: Release web`, and which of them flags say instead. */
  readonly where?: string;
  readonly byFlags?: readonly string[];
}

/** Stands for the query of counts that came from a file. */
const FROM_FILE: MetricQuerySpec = {
  summary: 'Counts from a file.',
  labels: { workload: 'workload', pod: 'pod' },
  counts: { total: { metric: 'total' }, bad: { metric: 'bad' } },
};

/** The spec of a run with one metric, at its first attempt. A value that cannot work is a wrong command line. */
export function resolveOneMetric(input: RuleInput): AnalysisRunSpec {
  const { metric, isCritical, analysis, query } = input;
  const resolved = resolveOffline(
    {
      name: 'offline',
      namespace: 'offline',
      spec: {
        workload: { pair: { members: ['stable', 'canary'] } },
        strategy: { canary: { stepWeights: [50] } },
        analysis: { ...analysis, templates: [{ name: 'offline' }] },
      },
      gridMs: 1000,
    },
    {
      template: () => ({ metrics: [{ name: metric, critical: isCritical, compare: { inline: query ?? FROM_FILE } }] }),
      query: () => undefined,
    },
  );
  if (isFinding(resolved)) throw new SerinError('SERIN_E_USAGE', inWordsOf(input, resolved.message));
  return resolved;
}

/** About the flag or the file that somebody wrote, not about the Release that stands for them. */
function inWordsOf({ where = '', byFlags = [] }: RuleInput, message: string): string {
  return message
    .replace(/^Release offline\/offline: (spec\.analysis\.(\w+))/, (_, path: string, field: string) =>
      byFlags.includes(field) || where === ''
        ? `--${field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
        : `${where}: ${path}`,
    )
    .replace(/^AnalysisTemplate offline: spec\.metrics\[0\]\.name/, '--metric');
}

/** What the API knows but nobody measures yet: refused before a run starts, so that nothing is judged on half of it. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { Finding } from '../../api/meta.ts';

/** The first metric of the run that nobody measures, with what to write in its place. */
export function unreadFinding({ measures = [] }: AnalysisRunSpec): Finding | undefined {
  const [measure] = measures;
  if (measure === undefined) return undefined;
  const message = `Metric ${measure.name} has a provider, which is not asked yet. Use compare.`;
  return { reason: 'InvalidSpec', message };
}

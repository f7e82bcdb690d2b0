/** A Release of a file resolved as the service would do it: what is asked offline is what a release would have done. Pure. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { AnalysisTemplateSpec } from '../../api/analysis-template.ts';
import type { Fields } from '../../api/fields.ts';
import { API_VERSION, type Finding } from '../../api/meta.ts';
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import type { ReleaseSpec } from '../../api/release.ts';
import { DEFAULT_GRID_MS, type ResolveRunInput, resolveRun } from '../../judge/resolve-run.ts';
import type { Specs } from './specs.ts';

/** Where templates and queries are looked for. What is found is checked when it is resolved. */
export interface Written {
  readonly template: (name: string, isCluster: boolean, group?: string) => Fields | undefined;
  readonly query: (name: string) => Fields | undefined;
}

export const writtenIn = (specs: Specs): Written => ({
  template: (name, isCluster) => specs.get(`${isCluster ? 'Cluster' : ''}AnalysisTemplate/${name}`),
  query: (name) => specs.get(`MetricQuery/${name}`),
});

export interface OfflineRun
  extends Partial<Pick<ResolveRunInput, 'arms' | 'startedAtMs' | 'gridMs' | 'share' | 'step'>> {
  readonly name: string;
  readonly namespace: string;
  readonly spec: ReleaseSpec;
}

/** The spec of the run at its first attempt, or the first thing that keeps it from working. */
export function resolveOffline(
  { name, namespace, spec, ...rest }: OfflineRun,
  { template, query }: Written,
): AnalysisRunSpec | Finding {
  return resolveRun({
    release: {
      apiVersion: API_VERSION,
      kind: 'Release',
      metadata: { name, namespace, uid: 'offline', resourceVersion: '1', generation: 1 },
      spec,
    },
    revision: 'offline',
    attempt: 1,
    arms: { stable: { workload: 'stable' }, canary: { workload: 'canary' } },
    // Both are validated before they are used.
    template: (wanted, isCluster, group) => template(wanted, isCluster, group) as AnalysisTemplateSpec | undefined,
    query: (wanted) => query(wanted) as MetricQuerySpec | undefined,
    startedAtMs: 0,
    gridMs: DEFAULT_GRID_MS,
    ...rest,
  });
}

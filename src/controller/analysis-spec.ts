/** The run that a Release asks for: templates and queries looked up, every number resolved. */
import type { AnalysisRunSpec } from '../api/analysis-run.ts';
import type { AnalysisTemplateSpec } from '../api/analysis-template.ts';
import { type Finding, type KubeObject, TYPES } from '../api/meta.ts';
import type { MetricQuerySpec } from '../api/metric-query.ts';
import type { Release } from '../api/release.ts';
import { resolveRun } from '../judge/resolve-run.ts';
import type { WorkloadState } from '../release/observed.ts';
import { findingOf, type ObjectReader } from './object-set.ts';

export interface RunRequest {
  readonly release: Release;
  readonly workload: WorkloadState;
  readonly revision: string;
  readonly attempt: number;
  readonly nowMs: number;
  readonly gridMs: number;
}

/** Reads every template and query that might be meant; they are few, and come from the cache where there is one. */
export async function analysisSpecOf(reader: ObjectReader, request: RunRequest): Promise<AnalysisRunSpec | Finding> {
  const { release, workload } = request;
  const { namespace } = release.metadata;
  let found: readonly (readonly KubeObject[])[];
  try {
    found = await Promise.all([
      reader.list(TYPES.analysisTemplate, namespace),
      reader.list(TYPES.clusterAnalysisTemplate),
      reader.list(TYPES.metricQuery),
    ]);
  } catch (thrown) {
    const finding = findingOf(thrown);
    if (finding !== undefined) return finding;
    throw thrown;
  }
  const [templates, clusterTemplates, queries] = found.map(
    (objects) => new Map(objects.map((each) => [each.metadata.name, each['spec']])),
  );
  return resolveRun({
    release,
    revision: request.revision,
    attempt: request.attempt,
    arms: { stable: armOf(workload.stable), canary: armOf(workload.canary ?? workload.stable) },
    // The API server has checked them against their schemas.
    template: (name, isCluster) =>
      (isCluster ? clusterTemplates : templates)?.get(name) as AnalysisTemplateSpec | undefined,
    query: (name) => queries?.get(name) as MetricQuerySpec | undefined,
    startedAtMs: request.nowMs,
    gridMs: request.gridMs,
  });
}

export const isFinding = (value: object): value is Finding => 'reason' in value && 'message' in value;

function armOf({ workload, podLabels }: WorkloadState['stable']): AnalysisRunSpec['arms']['stable'] {
  const version = podLabels['version'];
  return { workload, ...(version === undefined ? {} : { version }) };
}

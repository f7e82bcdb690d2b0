/** The run that a Release asks for: templates and queries looked up, every number resolved. */
import type { AnalysisRunSpec } from '../api/analysis-run.ts';
import type { AnalysisTemplateSpec } from '../api/analysis-template.ts';
import { listAt, stringAt } from '../api/fields.ts';
import { type Finding, type KubeObject, TYPES } from '../api/meta.ts';
import type { MetricQuerySpec } from '../api/metric-query.ts';
import type { Release } from '../api/release.ts';
import { resolveRun } from '../judge/resolve-run.ts';
import { planOf } from '../release/plan.ts';
import { runPartOf } from '../release/step-run.ts';
import type { WorkloadState } from '../release/observed.ts';
import { findingOf, type ObjectReader } from './object-set.ts';

const POD_TEMPLATE_HASH = 'pod-template-hash';

export interface RunRequest {
  readonly release: Release;
  readonly workload: WorkloadState;
  readonly revision: string;
  readonly attempt: number;
  readonly nowMs: number;
  readonly gridMs: number;
  /** The analysis step that it is for; absent: the whole release. */
  readonly step?: number;
  /** Of the attempt's error probability; absent: as the plan says. */
  readonly share?: number;
}

/** Reads every template and query that might be meant; they are few, and come from the cache where there is one. Argo's by name. */
export async function analysisSpecOf(reader: ObjectReader, request: RunRequest): Promise<AnalysisRunSpec | Finding> {
  const { release, workload } = request;
  const { namespace } = release.metadata;
  let found: readonly (readonly KubeObject[])[];
  let argo: ReadonlyMap<string, unknown>;
  try {
    argo = await argoTemplates(reader, release, request.step);
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
    // The API server has checked ours against their schemas, resolveRun looks at the others.
    template: (name, isCluster, group) =>
      (group === undefined
        ? (isCluster ? clusterTemplates : templates)?.get(name)
        : argo.get(keyOf(name, isCluster))) as AnalysisTemplateSpec | undefined,
    podTemplateHash: { stable: hashOf(workload.stable), canary: hashOf(workload.canary) },
    query: (name) => queries?.get(name) as MetricQuerySpec | undefined,
    startedAtMs: request.nowMs,
    gridMs: request.gridMs,
    ...partOf(release, request.step),
    ...(request.share === undefined ? {} : { share: request.share }),
  });
}

function partOf({ spec }: Pick<Release, 'spec'>, step: number | undefined): ReturnType<typeof runPartOf> {
  const plan = planOf(spec);
  return plan.kind === 'plan' ? runPartOf(plan, step) : {};
}

const keyOf = (name: string, isCluster: boolean): string => `${isCluster ? 'cluster' : 'namespace'}/${name}`;

const MOST_ARGO_TEMPLATES = 64;

/** Templates of Argo Rollouts that the Release names, and those that they name. Both scopes are tried: a wrong one is then told. */
async function argoTemplates(
  reader: ObjectReader,
  { spec, metadata }: Release,
  step: number | undefined,
): Promise<ReadonlyMap<string, unknown>> {
  const specs = new Map<string, unknown>();
  const named = partOf({ spec }, step).step?.templates ?? spec.analysis?.templates ?? [];
  const waiting = named.filter(({ group }) => group !== undefined).map(({ name }) => name);
  const seen = new Set<string>();
  for (let name = waiting.shift(); name !== undefined && seen.size < MOST_ARGO_TEMPLATES; name = waiting.shift()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const [own, shared] = await Promise.all([
      reader.get({ type: TYPES.argoAnalysisTemplate, namespace: metadata.namespace, name }),
      reader.get({ type: TYPES.argoClusterAnalysisTemplate, name }),
    ]);
    for (const [object, isCluster] of [
      [own, false],
      [shared, true],
    ] as const) {
      if (object === undefined) continue;
      specs.set(keyOf(name, isCluster), object['spec']);
      waiting.push(...listAt(object, 'spec', 'templates').flatMap((each) => stringAt(each, 'templateName') ?? []));
    }
  }
  return specs;
}

/** Where the pods of a side are known by it. */
function hashOf(arm: WorkloadState['stable'] | undefined): string | undefined {
  const { key, value } = arm?.ownLabel ?? {};
  return key === POD_TEMPLATE_HASH ? value : arm?.podLabels[POD_TEMPLATE_HASH];
}

export const isFinding = (value: object): value is Finding => 'reason' in value && 'message' in value;

function armOf({ workload, podLabels }: WorkloadState['stable']): AnalysisRunSpec['arms']['stable'] {
  const version = podLabels['version'];
  return { workload, ...(version === undefined ? {} : { version }) };
}

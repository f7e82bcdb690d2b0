/** The query library and the ready-made templates as files, and the run spec of a Release that uses them. */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { AnalysisRunSpec } from '../../src/api/analysis-run.ts';
import type { AnalysisTemplateSpec } from '../../src/api/analysis-template.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { MetricQuerySpec } from '../../src/api/metric-query.ts';
import type { Release, ReleaseSpec } from '../../src/api/release.ts';
import { resolveRun } from '../../src/judge/resolve-run.ts';

const root = new URL('../../', import.meta.url);

export function libraryFiles(
  folder: 'queries' | 'analyses',
): readonly { readonly file: string; readonly object: KubeObject }[] {
  const url = new URL(`${folder}/`, root);
  return readdirSync(url)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => ({ file, object: parse(readFileSync(new URL(file, url), 'utf8')) as KubeObject }));
}

export function libraryQuery(name: string): MetricQuerySpec {
  return libraryFile('queries', name)['spec'] as MetricQuerySpec;
}

export function libraryTemplate(name: string): AnalysisTemplateSpec {
  return libraryFile('analyses', name)['spec'] as AnalysisTemplateSpec;
}

/** A file has the name of its object; only that one is read, for tests ask a thousand times. */
function libraryFile(folder: 'queries' | 'analyses', name: string): KubeObject {
  const object = parse(readFileSync(new URL(`${folder}/${name}.yaml`, root), 'utf8')) as KubeObject;
  if (object.metadata.name !== name) throw new Error(`${folder}/${name}.yaml is named ${object.metadata.name}`);
  return object;
}

/** Whether a template compares anything; the others only ask providers. */
export const isCompared = (object: KubeObject): boolean =>
  ((object['spec'] as AnalysisTemplateSpec).metrics ?? []).some(({ compare }) => compare !== undefined);

export interface LabRelease {
  readonly name?: string;
  readonly stable?: string;
  readonly canary?: string;
  readonly analysis?: Partial<NonNullable<ReleaseSpec['analysis']>>;
  readonly startedAtMs: number;
  readonly gridMs: number;
}

export function labRelease({
  name = 'web',
  stable = 'web-v1',
  canary = 'web-v2',
  analysis,
}: Omit<LabRelease, 'startedAtMs' | 'gridMs'>): Release {
  return {
    apiVersion: 'serin.dev/v1alpha1',
    kind: 'Release',
    metadata: { name, namespace: 'shop', uid: `release-${name}`, resourceVersion: '1', generation: 1 },
    spec: {
      workload: { pair: { members: [stable, canary] } },
      strategy: { canary: { stepWeights: [10, 50] } },
      analysis: {
        templates: [{ name: 'success-and-latency', clusterScope: true }],
        args: [{ name: 'slo-ms', value: '100' }],
        ...analysis,
      },
    },
  };
}

/** The resolved run of a Release that uses `success-and-latency`. */
export function labRun(options: LabRelease): AnalysisRunSpec {
  const { stable = 'web-v1', canary = 'web-v2' } = options;
  const spec = resolveRun({
    release: labRelease(options),
    revision: 'abc',
    attempt: 1,
    arms: { stable: { workload: stable }, canary: { workload: canary } },
    template: libraryTemplate,
    query: libraryQuery,
    startedAtMs: options.startedAtMs,
    gridMs: options.gridMs,
  });
  if ('reason' in spec) throw new Error(spec.message);
  return spec;
}

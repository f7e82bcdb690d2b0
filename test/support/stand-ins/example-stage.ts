/**
 * An example of a Rollout carried out in memory: its objects as they are in the file, a stand-in for its controller (and its webhook),
 * the native controllers, and Serin's reconcile loop with a judge that says what the test wants.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { at, fieldsAt } from '../../../src/api/fields.ts';
import type { AnalysisRun } from '../../../src/api/analysis-run.ts';
import { ANNOTATIONS, type KubeObject, type ObjectRef, type ResourceType, TYPES } from '../../../src/api/meta.ts';
import type { ReleaseStatus } from '../../../src/api/release.ts';
import { createPodReader } from '../../../src/controller/analysis/pods.ts';
import type { KubeClient } from '../../../src/kube/port.ts';
import { workloadAdapterOf } from '../../../src/workloads/registry.ts';
import { objectSet } from '../objects.ts';
import { createMemoryKube, type MemoryKube } from '../memory-kube.ts';
import { type ReleaseCluster, releaseCluster } from '../release-cluster.ts';
import { lookAtRollouts } from './argo.ts';
import { lookAtKruise, restingHash, throughWebhook, WORKLOADS } from './kruise.ts';
import { runPods } from './memory-pods.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const NAMESPACE = 'shop';
const LIBRARY = [
  'analyses/success-and-latency',
  'analyses/success-and-latency-http',
  'queries/istio-requests',
  'queries/istio-latency',
  'queries/http-requests',
  'queries/http-latency',
];

export type Controller = 'argo-rollouts' | 'kruise-rollouts';

const objectsOf = (path: string): readonly KubeObject[] =>
  parseAllDocuments(readFileSync(`${root}/${path}.yaml`, 'utf8')).map((document) => document.toJS() as KubeObject);

export interface ExampleStage {
  readonly worker: ReleaseCluster;
  /** Somebody changes the pod template, where the example has it. */
  deploy(build: string): Promise<void>;
  /** Gives the template back as it was, as somebody who reverts a commit. */
  revert(): Promise<void>;
  /** Everybody does what there is to do; judged like this at each step, and opened by a person where there is nothing to judge. */
  played(verdict: 'Pass' | 'Fail'): Promise<ReleaseStatus>;
  /** A person gives the revision up. */
  givenUp(): Promise<void>;
  /** One judgement at the first judged step while the controller is away, and what the status says at each look after that. */
  judgedAlone(verdict: 'Pass' | 'Fail', looksAfterMs: readonly number[]): Promise<readonly ReleaseStatus[]>;
  /** What users own, without the pod template: by kind and name. */
  users(): Promise<Readonly<Record<string, unknown>>>;
  template(): Promise<unknown>;
  /** How many pods the analysis counts for each side, once the canary is judged. */
  judgedPods(): Promise<{ readonly stable: number; readonly canary: number }>;
}

/** Objects that `example` leaves to others come from `besides`, another example of the same folder. */
export async function stagedExample(controller: Controller, example: string, besides?: string): Promise<ExampleStage> {
  const memory = createMemoryKube();
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  for (const path of LIBRARY) for (const object of objectsOf(path)) memory.put(object);
  const own = objectsOf(`deploy/examples/${controller}/${example}`);
  const more = besides === undefined ? [] : objectsOf(`deploy/examples/${controller}/${besides}`);
  const lent = more.filter(({ kind }) => kind !== 'Rollout' && kind !== 'Release');
  // Ingresses belong to the controller alone.
  const objects = [...lent, ...own].filter(({ kind }) => kind !== 'Ingress');
  for (const object of objects) if (object.kind !== 'Release') memory.put(object);
  const kube = controller === 'kruise-rollouts' ? withWebhook(memory) : memory;
  let isAway = false;
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 80; round++) {
      const before = memory.calls.filter((call) => /^(patch|create|delete)/.test(call)).length;
      const look = controller === 'kruise-rollouts' ? lookAtKruise : lookAtRollouts;
      if (!isAway) await look({ kube: memory, namespace: NAMESPACE, nowMs });
      const isChanged = await runPods(memory, NAMESPACE);
      const writes = memory.calls.filter((call) => /^(patch|create|delete)/.test(call)).length;
      if (!isChanged && writes === before) return;
    }
    throw new Error(`${example}: the stand-in never comes to rest`);
  };
  await settle();
  for (const object of objects) if (object.kind === 'Release') memory.put(object);
  const worker = releaseCluster(kube, settle, { clock: { nowMs: () => nowMs } });
  const rest = async (): Promise<ReleaseStatus> => {
    await settle();
    await worker.reconcile();
    await settle();
    await worker.reconcile();
    const { status } = await worker.release();
    if (status === undefined) throw new Error('the Release has no status');
    return status;
  };
  const hasTemplate = objects.flatMap(({ kind }) => WORKLOADS[kind] ?? [])[0] ?? TYPES.argoRollout;
  const template = async (): Promise<unknown> => at(await worker.get(hasTemplate, 'web'), 'spec', 'template');
  const wasTemplate = await template();
  const annotated = async (annotations: (revision: string) => Readonly<Record<string, string>>): Promise<void> => {
    const { status, metadata } = await worker.release();
    const value = { ...metadata.annotations, ...annotations(status?.revision.canary ?? '') };
    await worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/metadata/annotations', value }]);
  };
  const changed = (value: unknown): Promise<void> =>
    worker.edit(hasTemplate, 'web', [{ op: 'replace', path: '/spec/template', value }]);
  await rest();
  return {
    worker,
    givenUp: async () => {
      await rest();
      await annotated((revision) => ({ [ANNOTATIONS.abort]: revision }));
    },
    template,
    deploy: (build) => {
      const before = fieldsAt(wasTemplate);
      return changed({ ...before, metadata: { ...fieldsAt(before, 'metadata'), annotations: { build } } });
    },
    revert: () => changed(wasTemplate),
    played: async (verdict) => {
      for (let round = 0; round < 40; round++) {
        const status = await rest();
        if (status.phase === 'Promoted' || status.phase === 'Aborted') return status;
        nowMs += 60_000;
        if (status.step?.waitingFor === 'judge') await worker.judge(verdict);
        else if (status.phase === 'Held' && status.step?.waitingFor === 'person')
          await annotated((revision) => ({ [ANNOTATIONS.request]: `promote/${revision}/${round}` }));
      }
      throw new Error(`${example}: no end; ${JSON.stringify(await rest())}`);
    },
    judgedAlone: async (verdict, looksAfterMs) => {
      await rest();
      isAway = true;
      nowMs += 60_000;
      await worker.judge(verdict);
      const seen: ReleaseStatus[] = [await rest()];
      for (const ms of looksAfterMs) {
        nowMs += ms;
        seen.push(await rest());
      }
      isAway = false;
      return seen;
    },
    judgedPods: async () => {
      for (let round = 0; (await rest()).step?.waitingFor !== 'judge'; round++) {
        if (round > 5) throw new Error(`${example}: is not judged; ${JSON.stringify(await rest())}`);
        await annotated((revision) => ({ [ANNOTATIONS.request]: `promote/${revision}/${round}` }));
      }
      const release = await worker.release();
      const run = await worker.get(TYPES.analysisRun, release.status?.analysisRun ?? '');
      const all = await Promise.all(Object.values(TYPES).map(async (type) => (await memory.list(type)).items));
      const objects = objectSet(all.flat());
      const cache = {
        get: ({ type, namespace, name }: ObjectRef) => objects.find(type, namespace ?? '', name),
        list: (type: ResourceType, namespace?: string) => objects.all(type, namespace ?? ''),
        subscribe: () => () => undefined,
      };
      const read = createPodReader(cache, workloadAdapterOf)(release, (run as unknown as AnalysisRun).spec, nowMs);
      return { stable: read?.stable.length ?? 0, canary: read?.canary.length ?? 0 };
    },
    users: async () => {
      const kinds = Object.values(TYPES);
      const found = objects
        .filter(({ kind }) => kind !== 'Release')
        .map(async ({ apiVersion, kind, metadata: { name } }) => {
          const type = kinds.find((each) => each.kind === kind && apiVersion.startsWith(each.group));
          if (type === undefined) throw new Error(`nobody knows ${kind}`);
          const { metadata, spec } = await worker.get(type, name);
          const { template: _template, ...rest } = fieldsAt(spec);
          return [
            `${kind} ${name}`,
            { labels: metadata.labels, annotations: metadata.annotations, spec: rest },
          ] as const;
        });
      return Object.fromEntries(await Promise.all(found));
    },
  };
}

/** Every write of a workload passes the webhook of Kruise Rollouts. */
function withWebhook(memory: MemoryKube): KubeClient {
  return {
    ...memory,
    patch: async (patch, signal) => {
      const { type, name, namespace = NAMESPACE } = patch.target;
      const before = WORKLOADS[type.kind] !== undefined ? await memory.get({ type, namespace, name }) : undefined;
      const hash = before === undefined ? '' : await restingHash({ kube: memory, namespace }, before);
      const next = await memory.patch(patch, signal);
      return before === undefined ? next : memory.put(throughWebhook(before, next, hash));
    },
  };
}

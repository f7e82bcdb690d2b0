/**
 * Stages for the stories of a Release on a real API server, with Serin's and Istio's definitions and no controllers: Deployments are
 * rolled out by the test, so that a story takes no time but that of its requests.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { at, numberAt } from '../../src/api/fields.ts';
import { type KubeObject, type ObjectRef, type ResourceType, TYPES } from '../../src/api/meta.ts';
import type { ReleaseSpec } from '../../src/api/release.ts';
import { systemClock } from '../../src/clock.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import type { KubeClient } from '../../src/kube/port.ts';
import { createApplier } from '../../src/sandbox/cluster/apply.ts';
import { meshDefinitions } from '../../src/sandbox/cluster/definitions.ts';
import { childrenOf } from './objects.ts';
import { clusterObjects, istioSpec, type Settle } from './release-cluster.ts';
import { type Stage, stageOn } from './release-stories.ts';

const NAMESPACE = 'shop';
const CRDS = fileURLToPath(new URL('../../deploy/crds', import.meta.url));

export interface ReleaseServer {
  /** Empties the namespace and sets the scene anew. */
  stage(spec?: ReleaseSpec): Promise<Stage>;
  stop(): Promise<void>;
}

/** `stopServer` ends what serves the kubeconfig. */
export async function releaseServer(kubeconfig: string, stopServer: () => Promise<void>): Promise<ReleaseServer> {
  const kube = createKubeClient({ kubeconfig });
  const apply = createApplier(kube, systemClock, new AbortController().signal);
  const names = (await readdir(CRDS)).filter((name) => name.endsWith('.yaml'));
  await apply((await Promise.all(names.map((name) => readFile(join(CRDS, name), 'utf8')))).join('\n---\n'));
  await apply(meshDefinitions());
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: NAMESPACE } };
  await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }, account]);
  return {
    stage: async (spec = istioSpec) => {
      await empty(kube);
      for (const { status: _status, ...object } of clusterObjects(spec))
        await kube.create(withoutIdentity(object), 'test');
      const settle = rollOut();
      await settle(kube);
      return stageOn(
        kube,
        settle,
        () => kube.delete({ type: TYPES.release, namespace: NAMESPACE, name: 'web' }),
        Date.now(),
      );
    },
    stop: async () => {
      kube.close();
      await stopServer();
    },
  };
}

function withoutIdentity(object: KubeObject): KubeObject {
  const {
    uid: _uid,
    resourceVersion: _version,
    generation: _generation,
    creationTimestamp: _created,
    ...metadata
  } = object.metadata;
  return { ...object, apiVersion: object.apiVersion, kind: object.kind, metadata };
}

const KINDS: readonly ResourceType[] = [
  TYPES.release,
  TYPES.analysisRun,
  TYPES.event,
  TYPES.analysisTemplate,
  TYPES.virtualService,
  TYPES.destinationRule,
  TYPES.service,
  TYPES.deployment,
  TYPES.replicaSet,
  TYPES.pod,
];

async function empty(kube: KubeClient): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const found = (
      await Promise.all(
        KINDS.map(async (type) =>
          (await kube.list(type, { namespace: NAMESPACE })).items.map((object) => ({ type, object })),
        ),
      )
    ).flat();
    if (found.length === 0) return;
    await Promise.all(
      found.map(async ({ type, object: { metadata } }) => {
        const target: ObjectRef = { type, namespace: NAMESPACE, name: metadata.name };
        if ((metadata.finalizers ?? []).length > 0) {
          await kube
            .patch({
              kind: 'json',
              target,
              operations: [{ op: 'remove', path: '/metadata/finalizers' }],
              fieldManager: 'test',
            })
            .catch(() => undefined);
        }
        await kube.delete(target);
      }),
    );
  }
  throw new Error('The namespace does not become empty.');
}

/** As the Deployment controller and a kubelet would, at once. */
function rollOut(): Settle {
  return async (kube) => {
    for (const deployment of (await kube.list(TYPES.deployment, { namespace: NAMESPACE })).items) {
      const generation = deployment.metadata.generation ?? 1;
      if (numberAt(deployment, 'status', 'observedGeneration') === generation) continue;
      const replicas = numberAt(deployment, 'spec', 'replicas') ?? 1;
      await replaceChildren(kube, deployment, generation);
      const counts =
        replicas === 0
          ? {}
          : { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas };
      await writeStatus(kube, TYPES.deployment, deployment, { observedGeneration: generation, ...counts });
    }
  };
}

async function replaceChildren(kube: KubeClient, deployment: KubeObject, generation: number): Promise<void> {
  const { name } = deployment.metadata;
  for (const type of [TYPES.pod, TYPES.replicaSet]) {
    const old = (await kube.list(type, { namespace: NAMESPACE })).items.filter(({ metadata }) =>
      metadata.name.startsWith(`${name}-`),
    );
    await Promise.all(old.map(({ metadata }) => kube.delete({ type, namespace: NAMESPACE, name: metadata.name })));
  }
  const [set, ...pods] = childrenOf(deployment);
  if (set === undefined) return;
  const labels = at(set, 'spec', 'template', 'metadata', 'labels');
  const spec = { ...(set['spec'] as object), selector: { matchLabels: labels } };
  const made = await kube.create(
    withoutIdentity({ ...set, metadata: { ...set.metadata, name: `${name}-g${generation}` }, spec }),
    'test',
  );
  const template = at(deployment, 'spec', 'template', 'spec');
  for (const [index, pod] of pods.entries()) {
    const ownerReferences =
      pod.metadata.ownerReferences?.map((owner) => ({
        ...owner,
        name: made.metadata.name,
        uid: made.metadata.uid ?? '',
      })) ?? [];
    const metadata = {
      name: `${made.metadata.name}-${index}`,
      namespace: NAMESPACE,
      labels: labels as Record<string, string>,
      ownerReferences,
    };
    const created = await kube.create({ apiVersion: 'v1', kind: 'Pod', metadata, spec: template }, 'test');
    await writeStatus(kube, TYPES.pod, created, {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    });
  }
}

async function writeStatus(kube: KubeClient, type: ResourceType, object: KubeObject, status: object): Promise<void> {
  const target: ObjectRef = { type, namespace: NAMESPACE, name: object.metadata.name };
  await kube.patch({
    kind: 'json',
    target,
    subresource: 'status',
    operations: [{ op: 'add', path: '/status', value: status }],
    fieldManager: 'test',
  });
}

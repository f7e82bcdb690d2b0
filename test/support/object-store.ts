/** Where conformance suites keep objects: in memory with a JSON Patch library, or on a real API server through the real client. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubeObject, type ResourceType, TYPES, type Write } from '../../src/api/meta.ts';
import { SerinError } from '../../src/errors.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { startApiServer } from '../../src/sandbox/apiserver/server.ts';
import type { ObjectSet } from '../../src/workloads/port.ts';
import { startControlPlane } from './control-plane.ts';
import { applied, NAMESPACE, objectSet } from './objects.ts';

export interface ObjectStore {
  /** Makes exactly these objects be there, with new identities. */
  reset(objects: readonly KubeObject[]): Promise<void>;
  read(): Promise<ObjectSet>;
  /** Throws when a guard does not hold. */
  apply(writes: readonly Write[]): Promise<void>;
  stop(): Promise<void>;
}

export function memoryStore(): ObjectStore {
  let objects: readonly KubeObject[] = [];
  return {
    reset: async (next) => {
      objects = structuredClone(next);
    },
    read: async () => objectSet(objects),
    apply: async (patches) => {
      const before = objects;
      objects = applied(objects, patches).map((object) => touched(object, before));
    },
    stop: async () => undefined,
  };
}

/** As on a server: every change is a new resourceVersion. */
function touched(object: KubeObject, before: readonly KubeObject[]): KubeObject {
  if (before.includes(object)) return object;
  const resourceVersion = String(Number(object.metadata.resourceVersion ?? '0') + 1);
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

const KINDS: readonly ResourceType[] = [
  TYPES.virtualService,
  TYPES.destinationRule,
  TYPES.service,
  TYPES.deployment,
  TYPES.horizontalPodAutoscaler,
];

/** A real kube-apiserver. */
export async function controlPlaneStore(): Promise<ObjectStore> {
  const plane = await startControlPlane({ controllers: false });
  return clientStore(plane.kubeconfig, () => plane.stop());
}

/** The sandbox's API server. */
export async function sandboxStore(): Promise<ObjectStore> {
  const server = await startApiServer();
  const folder = await mkdtemp(join(tmpdir(), 'serin-store-'));
  const kubeconfig = join(folder, 'config');
  await writeFile(kubeconfig, server.kubeconfig);
  return clientStore(kubeconfig, async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });
}

/** Istio's kinds exist as CRDs that keep any field. */
async function clientStore(kubeconfig: string, stop: () => Promise<void>): Promise<ObjectStore> {
  const kube = createKubeClient({ kubeconfig });
  const list = async (type: ResourceType): Promise<readonly KubeObject[]> =>
    (await kube.list(type, { namespace: NAMESPACE })).items.map((item) => ({
      ...item,
      apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`,
      kind: type.kind,
    }));
  const all = async (): Promise<readonly KubeObject[]> => (await Promise.all(KINDS.map(list))).flat();
  const make = async (object: KubeObject): Promise<void> => {
    await kube.create(object, 'test').catch((thrown: unknown) => {
      if (!(thrown instanceof SerinError && thrown.code === 'SERIN_E_CONFLICT')) throw thrown;
    });
  };
  try {
    await make({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    for (const type of [TYPES.virtualService, TYPES.destinationRule]) await make(anyFieldCrd(type));
    await established(() => Promise.all([list(TYPES.virtualService), list(TYPES.destinationRule)]));
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  return {
    reset: async (next) => {
      for (const object of await all()) {
        const type = KINDS.find(({ kind }) => kind === object.kind);
        if (type !== undefined) await kube.delete({ type, namespace: NAMESPACE, name: object.metadata.name });
      }
      await gone(all);
      for (const { status: _status, ...object } of next) {
        const { name, namespace } = object.metadata;
        const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
        await kube.create({ ...object, apiVersion: object.apiVersion, kind: object.kind, metadata }, 'test');
      }
    },
    read: async () => objectSet(await all()),
    apply: async (writes) => {
      for (const write of writes) {
        if (write.kind === 'create') await kube.create(write.object, write.fieldManager);
        else if (write.kind === 'delete') await kube.delete(write.target, { uid: write.uid });
        else await kube.patch(write);
      }
    },
    stop: async () => {
      kube.close();
      await stop();
    },
  };
}

async function gone(all: () => Promise<readonly KubeObject[]>): Promise<void> {
  // The server keeps its own Service `kubernetes` in another namespace; here everything is ours.
  await established(async () => {
    if ((await all()).length > 0) throw new Error('deleted objects are still there');
  });
}

async function established(list: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await list();
      return;
    } catch (thrown) {
      if (attempt >= 100) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function anyFieldCrd(type: ResourceType): KubeObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${type.plural}.${type.group}` },
    spec: {
      group: type.group,
      scope: 'Namespaced',
      names: { kind: type.kind, plural: type.plural, singular: type.kind.toLowerCase() },
      versions: [
        {
          name: type.version,
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
            },
          },
        },
      ],
    },
  };
}

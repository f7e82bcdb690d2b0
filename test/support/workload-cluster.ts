/** An API server with a workload controller and the sandbox's kubelet on it: what the workload conformance suite runs against. */

import { systemClock } from '../../src/clock.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import type { KubeClient } from '../../src/kube/port.ts';
import { createTransport } from '../../src/kube/transport.ts';
import { type Applier, createApplier } from '../../src/sandbox/cluster/apply.ts';
import { startDeploymentController } from '../../src/sandbox/deployment-controller/controller.ts';
import { startKubelet } from '../../src/sandbox/kubelet/kubelet.ts';
import { createNodeApi } from '../../src/sandbox/kubelet/node-api.ts';
import { startMesh } from '../../src/sandbox/mesh/mesh.ts';
import { outsideLoopback } from '../../src/sandbox/pod.ts';
import { createRandom } from '../../src/sandbox/random.ts';

export interface WorkloadCluster {
  readonly kube: KubeClient;
  readonly apply: Applier;
  /** A namespace of its own for one case. */
  namespace(): Promise<string>;
  stop(): Promise<void>;
}

export interface WorkloadClusterOptions {
  readonly kubeconfig: string;
  /** False where kube-controller-manager runs. */
  readonly startsControllers: boolean;
  readonly stopApiServer: () => Promise<void>;
}

export async function startWorkloadCluster(options: WorkloadClusterOptions): Promise<WorkloadCluster> {
  const { kubeconfig, startsControllers, stopApiServer } = options;
  const clock = systemClock;
  const life = new AbortController();
  const { signal } = life;
  const kube = createKubeClient({ kubeconfig });
  const onTrouble = (sentence: string): void => void process.stderr.write(`${sentence}\n`);
  const transport = createTransport({ kubeconfig, clock });
  if (startsControllers) {
    await startDeploymentController({ kube, clock, signal, random: createRandom('workloads'), onTrouble });
  }
  const mesh = startMesh({ kube, clock, signal });
  const kubelet = await startKubelet({
    kube,
    clock,
    mesh,
    seed: 'workloads',
    speed: 1,
    signal,
    nodeApi: createNodeApi(transport),
    ...(startsControllers ? {} : { shownIp: outsideLoopback }),
  });
  const apply = createApplier(kube, clock, signal);
  let namespaces = 0;
  return {
    kube,
    apply,
    namespace: async () => {
      namespaces += 1;
      const name = `case-${namespaces}`;
      await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }]);
      // Pods are refused without it; on a whole control plane its own controller makes it.
      await kube
        .create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } }, 'test')
        .catch(() => undefined);
      return name;
    },
    stop: async () => {
      life.abort();
      await kubelet.stopped();
      kube.close();
      transport.close();
      await stopApiServer();
    },
  };
}

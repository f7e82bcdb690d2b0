/** Between the write of a template and the moment at which the workload's own controller sees it, pods and status are of the version before. */
import { expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { kruiseRollout } from '../../../src/workloads/kruise-rollout.ts';
import { objectSet } from '../../support/objects.ts';

const meta = (name: string, more = {}) => ({ name, namespace: 'shop', uid: `${name}-uid`, ...more });
const ownedBy = (kind: string) => ({ ownerReferences: [{ kind, name: 'web', uid: 'web-uid', controller: true }] });
const template = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'app', image }] },
});

const revision = (kind: string, hash: string, number: number, image: string): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: meta(`web-${hash}`, { labels: { 'controller-revision-hash': hash }, ...ownedBy(kind) }),
    data: { spec: { template: { ...template(image), $patch: 'replace' } } },
    revision: number,
  }) as unknown as KubeObject;

const pods = (kind: string, label: string): readonly KubeObject[] =>
  [1, 2, 3].map((index) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: meta(`web-${index}`, { labels: { app: 'web', 'controller-revision-hash': label }, ...ownedBy(kind) }),
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  }));

const workload = (apiVersion: string, kind: string, status: object): KubeObject => ({
  apiVersion,
  kind,
  metadata: meta('web', { generation: 2, annotations: { 'rollouts.kruise.io/in-progressing': '{}' } }),
  spec: { replicas: 3, template: template('web:2') },
  status,
});

const rollout = (apiVersion: string, kind: string): KubeObject => ({
  apiVersion: 'rollouts.kruise.io/v1beta1',
  kind: 'Rollout',
  metadata: meta('web', { generation: 1 }),
  spec: {
    workloadRef: { apiVersion, kind, name: 'web' },
    strategy: { canary: { steps: [{ replicas: '40%', pause: {} }] } },
  },
  status: { observedGeneration: 1, phase: 'Healthy', conditions: [], canaryStatus: { stableRevision: 'old' } },
});

const named = { updateRevision: 'web-old', currentRevision: 'web-old' };

test.each([
  { apiVersion: 'apps.kruise.io/v1alpha1', kind: 'CloneSet', label: 'web-old', status: named },
  { apiVersion: 'apps/v1', kind: 'StatefulSet', label: 'web-old', status: named },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', label: 'old', status: { desiredNumberScheduled: 3 } },
])('pods of a $kind stay stable’s until its controller has made others', ({ apiVersion, kind, label, status }) => {
  const armsAt = (observedGeneration: number, more: readonly KubeObject[]): unknown => {
    const objects = [
      rollout(apiVersion, kind),
      workload(apiVersion, kind, { ...status, observedGeneration }),
      revision(kind, 'old', 1, 'web:1'),
      ...pods(kind, label),
      ...more,
    ];
    const spec = { workload: { kruiseRollout: { name: 'web' } } };
    const state = kruiseRollout.read({
      namespace: 'shop',
      spec,
      status: undefined,
      objects: objectSet(objects),
      nowMs: 0,
    });
    if (!('stable' in state)) throw new Error(state.message);
    return { stable: state.stable.pods.length, canary: state.canary?.pods.length };
  };
  expect(armsAt(1, [])).toEqual({ stable: 3, canary: 0 });
  // Its revision comes before its status.
  expect(armsAt(1, [revision(kind, 'new', 2, 'web:2')])).toEqual({ stable: 3, canary: 0 });
});

/** Which of a Deployment's ReplicaSets users get, where its rollout stopped half-way between versions. */
import { expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { revisionOfSet, stableSetOf } from '../../../src/workloads/deployment/replica-sets.ts';

function set(image: string, ready: number): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: image, namespace: 'shop' },
    spec: {
      replicas: ready,
      template: { metadata: { labels: { app: 'web', 'pod-template-hash': image } }, spec: { containers: [{ image }] } },
    },
    status: { replicas: ready, readyReplicas: ready },
  };
}
const revisionOf = (image: string): string => revisionOfSet(set(image, 0));

test.each<{ name: string; ready: Readonly<Record<string, number>>; rejected?: string; gets: string }>([
  { name: 'nothing rolled yet', ready: { old: 4, passed: 0, next: 0 }, gets: 'old' },
  { name: 'half of what passed', ready: { old: 2, passed: 2, next: 1 }, gets: 'old' },
  { name: 'more than two thirds of what passed', ready: { old: 1, passed: 3, next: 1 }, gets: 'passed' },
  { name: 'as many of what nobody judged', ready: { old: 0, passed: 2, next: 2 }, gets: 'passed' },
  { name: 'more of what nobody judged, old ones left', ready: { old: 2, passed: 1, next: 3 }, gets: 'old' },
  {
    name: 'hardly anything else left: somebody rolled past Serin',
    ready: { old: 1, passed: 0, next: 3 },
    gets: 'next',
  },
  { name: 'nothing else left', ready: { old: 0, passed: 0, next: 4 }, gets: 'next' },
  { name: 'a rejected one has most', ready: { old: 1, passed: 3, next: 0 }, rejected: 'passed', gets: 'old' },
  { name: 'scaled to zero', ready: { old: 0, passed: 0, next: 0 }, gets: 'old' },
])('$name: $gets', ({ ready, rejected, gets }) => {
  const sets = Object.entries(ready).map(([image, pods]) => set(image, pods));
  const known = { stable: revisionOf('old'), rejected: rejected === undefined ? [] : [revisionOf(rejected)] };
  expect(stableSetOf(sets, known, revisionOf('next'))?.metadata.name).toBe(gets);
});

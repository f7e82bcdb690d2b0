/** `status.undelivered`: written when a sink stops or starts to get messages, and never over what somebody decided meanwhile. */
import jsonPatch from 'fast-json-patch';
import { describe, expect, test } from 'vitest';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import type { Release, Undelivered } from '../../../src/api/release.ts';
import { undeliveredOperations } from '../../../src/notify/undelivered.ts';
import { createMemoryKube } from '../../support/memory-kube.ts';
import { clusterObjects, istioSpec, settleAtOnce } from '../../support/release-cluster.ts';
import { stageOn } from '../../support/release-stories.ts';

const NOW = '2026-01-01T00:10:00Z';
const FORBIDDEN = { reason: 'SecretForbidden', message: 'spec.notify[0]: Secret shop/slack may not be read.' };
const SLACK = { slack: { secretRef: { name: 'slack', key: 'url' } } };
const entry = (sink: number, change: Partial<Undelivered> = {}): Undelivered => ({
  sink,
  ...FORBIDDEN,
  since: '2026-01-01T00:00:00Z',
  ...change,
});

const release = (undelivered: readonly Undelivered[] | undefined, sinks = 2): Release => ({
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'Release',
  metadata: { name: 'web', namespace: 'shop', uid: 'u', generation: 1, resourceVersion: '7' },
  spec: { ...istioSpec, notify: Array.from({ length: sinks }, () => SLACK) },
  status: {
    phase: 'Idle',
    revision: { rejected: [] },
    weight: 0,
    conditions: [],
    ...(undelivered === undefined ? {} : { undelivered: [...undelivered] }),
  },
});

describe('after a message', () => {
  test.each([
    { name: 'the first that fails', before: undefined, finding: FORBIDDEN, after: [entry(0, { since: NOW })] },
    { name: 'another that fails alike writes nothing', before: [entry(0)], finding: FORBIDDEN, after: 'nothing' },
    {
      name: 'one that fails otherwise, since the same time',
      before: [entry(0)],
      finding: { reason: 'NotDelivered', message: 'no' },
      after: [entry(0, { reason: 'NotDelivered', message: 'no' })],
    },
    { name: 'one that goes out again', before: [entry(0)], finding: undefined, after: undefined },
    { name: 'one that goes out as ever writes nothing', before: [entry(1)], finding: undefined, after: 'nothing' },
    { name: 'another sink is left alone', before: [entry(0), entry(1)], finding: undefined, after: [entry(1)] },
    {
      name: 'a sink that is named no longer goes',
      before: [entry(5)],
      finding: FORBIDDEN,
      after: [entry(0, { since: NOW })],
    },
  ])('$name', ({ before, finding, after }) => {
    const found = release(before);
    const operations = undeliveredOperations(found, 0, finding, NOW);
    if (after === 'nothing') return expect(operations).toEqual([]);
    expect(operations[0]).toEqual({ op: 'test', path: '/metadata/resourceVersion', value: '7' });
    const { newDocument } = jsonPatch.applyPatch(structuredClone(found), [...operations] as never, true);
    expect(newDocument.status?.undelivered).toEqual(after);
  });
});

test('what is kept stays through the release’s own writes, and goes when the sink is named no longer', async () => {
  const kube = createMemoryKube();
  const spec = { ...istioSpec, notify: [SLACK] };
  for (const object of clusterObjects(spec)) kube.put(object);
  const settle = settleAtOnce(kube);
  await settle(kube);
  const stage = stageOn(kube, settle, async () => undefined);
  const worker = stage.worker();
  await worker.reconcile();
  const found = await worker.release();
  kube.put({ ...found, status: { ...found.status, undelivered: [entry(0)] } } as unknown as KubeObject);
  await worker.deploy('web-v2', 'web:2');
  await worker.reconcile();
  expect((await worker.release()).status).toMatchObject({ phase: 'Progressing', undelivered: [entry(0)] });
  await worker.edit(TYPES.release, 'web', [{ op: 'remove', path: '/spec/notify' }]);
  await worker.reconcile();
  expect((await worker.release()).status?.undelivered).toBeUndefined();
});

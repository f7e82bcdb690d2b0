import { describe, expect, test } from 'vitest';
import { type Identity, identityOf, INGRESS_GATEWAY } from '../../../src/sandbox/mesh/identity.ts';
import { createIstioMetrics, formatLabels } from '../../../src/sandbox/mesh/istio-metrics.ts';

const web: Identity = identityOf({
  name: 'web-v2-abc-xyz12',
  namespace: 'shop',
  labels: { app: 'web', version: 'v2', 'pod-template-hash': 'abc' },
  owner: { kind: 'ReplicaSet', name: 'web-v2-abc' },
});

const request = {
  reporter: 'destination',
  source: INGRESS_GATEWAY,
  destination: web,
  host: 'web.shop.svc.cluster.local',
  flags: '-',
} as const;

describe('identity', () => {
  test('a pod of a Deployment belongs to the Deployment', () => {
    expect(web).toMatchObject({
      workload: 'web-v2',
      namespace: 'shop',
      app: 'web',
      version: 'v2',
      canonicalService: 'web',
      canonicalRevision: 'v2',
    });
  });

  test.each([
    { title: 'a bare pod is its own workload', owner: undefined, labels: {}, workload: 'p' },
    { title: 'a ReplicaSet of nobody', owner: { kind: 'ReplicaSet', name: 'rs' }, labels: {}, workload: 'rs' },
    {
      title: 'a StatefulSet',
      owner: { kind: 'StatefulSet', name: 'db' },
      labels: { 'pod-template-hash': 'db' },
      workload: 'db',
    },
  ])('$title', ({ owner, labels, workload }) => {
    expect(identityOf({ name: 'p', namespace: 'n', labels, owner })).toMatchObject({
      workload,
      version: 'unknown',
      canonicalRevision: 'latest',
    });
  });
});

describe('Istio metrics', () => {
  test('carry the names and labels of Istio, and cumulative buckets in milliseconds', () => {
    const metrics = createIstioMetrics();
    for (const durationMs of [0.4, 1, 60, 7_200_000]) metrics.record({ ...request, status: 200, durationMs });
    const lines = metrics.text().split('\n');
    const total = lines.find((line) => line.startsWith('istio_requests_total{')) ?? '';
    for (const label of [
      'reporter="destination"',
      'source_workload="istio-ingressgateway"',
      'source_workload_namespace="istio-system"',
      'destination_workload="web-v2"',
      'destination_workload_namespace="shop"',
      'destination_version="v2"',
      'destination_app="web"',
      'destination_service="web.shop.svc.cluster.local"',
      'destination_service_name="web"',
      'destination_service_namespace="shop"',
      'request_protocol="http"',
      'response_code="200"',
      'response_flags="-"',
    ]) {
      expect(total).toContain(label);
    }
    expect(total.endsWith(' 4')).toBe(true);
    const bucket = (le: string): number => {
      const line = lines.find(
        (each) => each.startsWith('istio_request_duration_milliseconds_bucket{') && each.includes(`le="${le}"`),
      );
      return Number(line?.slice(line.lastIndexOf(' ')));
    };
    expect(['0.5', '1', '50', '100', '3600000', '+Inf'].map(bucket)).toEqual([1, 2, 2, 3, 3, 4]);
    expect(lines.find((line) => line.startsWith('istio_request_duration_milliseconds_sum{'))).toMatch(/ 7200061\.4$/);
    expect(lines.find((line) => line.startsWith('istio_request_duration_milliseconds_count{'))).toMatch(/ 4$/);
  });

  test('two pods of one workload are one series at their caller', () => {
    const metrics = createIstioMetrics();
    for (const pod of ['a', 'b'])
      metrics.record({ ...request, reporter: 'source', destination: { ...web, pod }, status: 200, durationMs: 1 });
    const totals = metrics
      .text()
      .split('\n')
      .filter((line) => line.startsWith('istio_requests_total{'));
    expect(totals).toHaveLength(1);
    expect(totals[0]).toMatch(/ 2$/);
  });

  test('another status is another series', () => {
    const metrics = createIstioMetrics();
    for (const status of [200, 500, 500]) metrics.record({ ...request, status, durationMs: 1 });
    const counts = metrics
      .text()
      .split('\n')
      .filter((line) => line.startsWith('istio_requests_total{'));
    expect(counts.map((line) => line.slice(line.lastIndexOf(' ') + 1)).toSorted()).toEqual(['1', '2']);
  });

  test('nothing recorded is an empty page, not a zero', () => {
    expect(createIstioMetrics().text()).toBe('');
  });

  test('label values are escaped', () => {
    expect(formatLabels({ a: 'say "hi"\\\n' })).toBe('a="say \\"hi\\"\\\\\\n"');
  });
});

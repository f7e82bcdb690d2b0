/** Series that applications and the kubelet count for their own pods. */
import { type Call, type Labels, LEVELS, type Move, podTarget, type Shape } from './shape.ts';

/** Some of the default boundaries of Go's client. */
const GO_S = [0.025, 0.1, 0.25, 0.5, 1];

function spring(call: Call, uri = call.path): readonly Move[] {
  const labels = {
    application: 'web',
    error: call.isBad ? 'IllegalStateException' : 'none',
    exception: call.isBad ? 'IllegalStateException' : 'none',
    method: 'GET',
    outcome: call.isBad ? 'SERVER_ERROR' : 'SUCCESS',
    status: call.isBad ? '500' : '200',
    uri,
  };
  return [{ name: 'http_server_requests_seconds', labels, value: call.durationMs / 1000, boundaries: GO_S }];
}

/** Two pools of the heap add up to the level; the other area is not heap. */
function springGauges({ arm }: Call): readonly Move[] {
  const memory = (area: string, id: string, set: number): Move => ({
    name: 'jvm_memory_used_bytes',
    labels: { area, id },
    set,
  });
  return [
    memory('heap', 'G1 Eden Space', LEVELS[arm] / 4),
    memory('heap', 'G1 Old Gen', (3 * LEVELS[arm]) / 4),
    memory('nonheap', 'Metaspace', 9999),
    { name: 'hikaricp_connections_pending', labels: { pool: 'HikariPool-1' }, set: LEVELS[arm] },
  ];
}

const springBoot: Shape = {
  source: 'spring-boot',
  queries: ['spring-requests', 'spring-latency', 'spring-volume', 'spring-heap', 'spring-connections-pending'],
  counts: 'pod',
  target: podTarget,
  moves: (call) => [...spring(call), ...springGauges(call)],
  noise: (call) => spring({ ...call, isBad: true }, '/actuator/health/readiness'),
};

function dubbo(side: 'provider' | 'consumer', call: Call): readonly Move[] {
  const labels = {
    application_name: 'web',
    application_module_id: '1.1',
    group: '',
    hostname: call.pod,
    interface: 'org.example.WebService',
    ip: '10.1.2.3',
    method: `call${call.path.replaceAll('/', '_')}`,
    version: '1.0.0',
  };
  const done: readonly Move[] = [
    { name: `dubbo_${side}_requests_total`, labels },
    {
      name: `dubbo_${side}_rt_milliseconds_histogram_seconds`,
      labels,
      value: call.durationMs / 1000,
      boundaries: GO_S,
    },
  ];
  const outcome = call.isBad ? 'failed' : 'succeed';
  return [...done, { name: `dubbo_${side}_requests_${outcome}_total`, labels }];
}

const dubboShape = (side: 'provider' | 'consumer'): Shape => ({
  source: 'dubbo',
  queries: [
    `dubbo-${side}-requests`,
    `dubbo-${side}-latency`,
    ...(side === 'provider' ? ['dubbo-provider-volume'] : []),
  ],
  counts: 'pod',
  target: podTarget,
  moves: (call) => dubbo(side, call),
  noise: (call) => dubbo(side === 'provider' ? 'consumer' : 'provider', { ...call, isBad: true }),
});

/** Resource attributes as labels; an Argo Rollout (here the canary) has no k8s.deployment.name. */
function otelTarget(pod: string, { namespace, workload }: Pick<Call, 'namespace' | 'workload'>): Labels {
  const replicaSet = pod.replace(/-[a-z0-9]{5}$/, '');
  return {
    job: `${namespace}/web`,
    instance: pod,
    service_name: 'web',
    k8s_namespace_name: namespace,
    k8s_pod_name: pod,
    ...(workload.endsWith('v2') ? { k8s_replicaset_name: replicaSet } : { k8s_deployment_name: workload }),
  };
}

function otel(side: 'server' | 'client', call: Call): readonly Move[] {
  const common = { http_request_method: 'GET', url_scheme: 'http', network_protocol_version: '1.1' };
  const isRefused = side === 'client' && call.isBad && call.path.endsWith('1');
  const labels = {
    ...common,
    ...(side === 'server' ? { http_route: call.path } : { server_address: 'database', server_port: '80' }),
    ...(isRefused ? {} : { http_response_status_code: call.isBad ? '500' : call.path.endsWith('2') ? '404' : '200' }),
    ...(call.isBad ? { error_type: isRefused ? 'java.net.ConnectException' : '500' } : {}),
    // Clients call 404 an error, too; it is none of the service's.
    ...(!call.isBad && side === 'client' && call.path.endsWith('2') ? { error_type: '404' } : {}),
  };
  const name = `http_${side}_request_duration_seconds`;
  return [{ name, labels, value: call.durationMs / 1000, boundaries: GO_S }];
}

const otelShape = (side: 'server' | 'client'): Shape => ({
  source: 'opentelemetry',
  queries: [`otel-${side}-requests`, `otel-${side}-latency`, ...(side === 'server' ? ['otel-server-volume'] : [])],
  counts: 'pod',
  target: otelTarget,
  moves: (call) => otel(side, call),
  noise: (call) => otel(side === 'server' ? 'client' : 'server', { ...call, isBad: true }),
});

const express: Shape = {
  source: 'express',
  queries: ['express-requests', 'express-latency', 'express-volume', 'express-event-loop-lag'],
  counts: 'pod',
  target: podTarget,
  moves: (call) => [
    {
      name: 'http_request_duration_seconds',
      labels: { status_code: call.isBad ? '500' : '200', method: 'GET', path: call.path },
      value: call.durationMs / 1000,
      boundaries: [0.003, 0.03, 0.1, 0.3, 1.5, 10],
    },
    { name: 'nodejs_eventloop_lag_p99_seconds', labels: {}, set: LEVELS[call.arm] },
  ],
  noise: () => [],
};

function promhttp(call: Call): readonly Move[] {
  const labels = { code: call.isBad ? '500' : '200', method: 'get', handler: call.path };
  return [
    { name: 'http_requests_total', labels },
    { name: 'http_request_duration_seconds', labels, value: call.durationMs / 1000, boundaries: GO_S },
  ];
}

const scraped = { name: 'promhttp_metric_handler_requests_total', labels: { code: '500' } };

const http: Shape = {
  source: 'http',
  queries: ['http-requests', 'http-latency', 'http-volume'],
  counts: 'pod',
  target: podTarget,
  moves: promhttp,
  noise: () => [scraped],
};

const argo: Shape = {
  ...http,
  source: 'argo-rollouts',
  queries: ['argo-http-requests', 'argo-http-latency'],
  target: (pod, call) => ({
    ...podTarget(pod, call),
    __meta_kubernetes_pod_label_rollouts_pod_template_hash: pod.split('-').at(-2) ?? '',
  }),
};

/** A CloneSet owns its pods directly, whatever they are called. */
const kruise: Shape = {
  ...http,
  source: 'openkruise',
  queries: ['kruise-http-requests', 'kruise-http-latency'],
  target: (pod, call) => ({
    ...podTarget(pod, call),
    __meta_kubernetes_pod_controller_kind: 'CloneSet',
    __meta_kubernetes_pod_controller_name: call.workload,
    __meta_kubernetes_pod_label_controller_revision_hash: `${call.workload}-6d5f8`,
  }),
};

function grpc(side: 'server' | 'client', call: Call, over: Labels = {}): readonly Move[] {
  const method = { grpc_type: 'unary', grpc_service: 'shop.Web', grpc_method: `Get${call.path.slice(1)}`, ...over };
  return [
    { name: `grpc_${side}_started_total`, labels: method },
    {
      name: `grpc_${side}_handled_total`,
      labels: { ...method, grpc_code: call.isBad ? 'Internal' : call.path.endsWith('2') ? 'NotFound' : 'OK' },
    },
    { name: `grpc_${side}_handling_seconds`, labels: method, value: call.durationMs / 1000, boundaries: GO_S },
  ];
}

const grpcShape = (side: 'server' | 'client'): Shape => ({
  source: 'grpc',
  queries: [`grpc-${side}-requests`, `grpc-${side}-latency`, ...(side === 'server' ? ['grpc-server-volume'] : [])],
  counts: 'pod',
  target: podTarget,
  moves: (call) => grpc(side, call),
  noise: (call) => [
    ...grpc(side === 'server' ? 'client' : 'server', { ...call, isBad: true }),
    {
      name: `grpc_${side}_handling_seconds`,
      labels: { grpc_type: 'server_stream', grpc_service: 'shop.Web', grpc_method: 'Watch' },
      value: 3600,
      boundaries: GO_S,
    },
  ],
});

/** The kubelet's own labels (honor_labels); every call stands for a time slice, a bad one was throttled. */
function slices(call: Call, container: string): readonly Move[] {
  const labels = {
    container,
    id: `/kubepods/burstable/${call.pod}/${container}`,
    image: container === '' ? '' : 'registry/web:1',
    name: container,
    namespace: call.namespace,
    pod: call.pod,
  };
  const all: readonly Move[] = [
    { name: 'container_cpu_cfs_periods_total', labels },
    { name: 'container_oom_events_total', labels },
    { name: 'container_cpu_usage_seconds_total', labels: { ...labels, cpu: 'total' } },
    { name: 'container_memory_working_set_bytes', labels, set: LEVELS[call.arm] },
  ];
  return call.isBad ? [...all, { name: 'container_cpu_cfs_throttled_periods_total', labels }] : all;
}

const cadvisor: Shape = {
  source: 'cadvisor',
  queries: ['cpu-throttling', 'oom-kills', 'cpu-use', 'memory-use'],
  counts: 'pod',
  target: () => ({ job: 'kubelet', metrics_path: '/metrics/cadvisor', node: 'node-1', instance: 'node-1:10250' }),
  moves: (call) => slices(call, 'app'),
  // The pod's own cgroup counts its containers' slices once more.
  noise: (call) => slices(call, ''),
};

/** One exporter for all pods of the cluster, scraped with honor_labels. */
const kubeStateMetrics: Shape = {
  source: 'kube-state-metrics',
  queries: ['pod-restarts'],
  counts: 'pod',
  target: () => ({ job: 'kube-state-metrics', instance: 'kube-state-metrics:8080' }),
  moves: ({ namespace, pod }) => [
    {
      name: 'kube_pod_container_status_restarts_total',
      labels: { namespace, pod, uid: `uid-${pod}`, container: 'app' },
    },
  ],
  noise: () => [],
};

export const applications: readonly Shape[] = [
  springBoot,
  dubboShape('provider'),
  dubboShape('consumer'),
  otelShape('server'),
  otelShape('client'),
  express,
  http,
  argo,
  kruise,
  grpcShape('server'),
  grpcShape('client'),
  cadvisor,
  kubeStateMetrics,
];

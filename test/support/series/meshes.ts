/** Series of meshes: Istio (sidecars, gateways, waypoints, Mixer) and Linkerd. */
import { type Call, gatewayTarget, type Labels, lookAlikes, type Move, podTarget, type Shape } from './shape.ts';

/** Some of the default boundaries. */
const MS = [25, 100, 250, 500, 1000];
const S = [0.025, 0.1, 0.25, 0.5, 1];

/** The labels of Istio's standard metrics, without principals and clusters. */
function istioLabels(call: Call, reporter: string, source: string, over: Labels = {}): Labels {
  return {
    reporter,
    source_workload: source,
    source_workload_namespace: 'edge',
    source_version: 'v1',
    destination_workload: call.workload,
    destination_workload_namespace: call.namespace,
    destination_version: call.workload.slice(-2),
    destination_service: `web.${call.namespace}.svc.cluster.local`,
    destination_service_name: 'web',
    destination_service_namespace: call.namespace,
    destination_canonical_service: 'web',
    request_protocol: 'http',
    response_code: call.isBad ? '503' : '200',
    response_flags: call.isBad ? 'UF' : '-',
    grpc_response_status: '',
    connection_security_policy: reporter === 'destination' ? 'mutual_tls' : 'unknown',
    ...over,
  };
}

function istioMoves(call: Call, reporter: string, source: string, over: Labels = {}): readonly Move[] {
  const labels = istioLabels(call, reporter, source, over);
  return [
    { name: 'istio_requests_total', labels },
    { name: 'istio_request_duration_milliseconds', labels, value: call.durationMs, boundaries: MS },
  ];
}

const others = (call: Call, reporter: string, source: string): readonly Move[] =>
  lookAlikes(call).flatMap((other) => istioMoves(other, reporter, source));

/** A sidecar answers for its own pod as destination, and reports what the pod calls as source. */
const sidecar: Shape = {
  source: 'istio',
  queries: ['istio-requests', 'istio-latency', 'istio-volume'],
  counts: 'pod',
  target: podTarget,
  moves: (call) => istioMoves(call, 'destination', 'frontend'),
  noise: (call) => [
    ...others(call, 'destination', 'frontend'),
    ...istioMoves({ ...call, workload: 'database', isBad: true }, 'source', call.workload),
  ],
};

const caller: Shape = {
  source: 'istio',
  queries: ['istio-requests-source', 'istio-latency-source'],
  counts: 'gateway',
  target: gatewayTarget,
  // A refused connection is code 0 for callers of TCP-like protocols, 503 otherwise.
  moves: (call) =>
    istioMoves(call, 'source', 'frontend', call.isBad && call.path.endsWith('1') ? { response_code: '0' } : {}),
  noise: (call) => [
    ...others(call, 'source', 'frontend'),
    ...istioMoves({ ...call, isBad: true }, 'destination', 'frontend'),
  ],
};

const gateway: Shape = {
  source: 'istio-gateway',
  queries: ['istio-gateway-requests', 'istio-gateway-latency'],
  counts: 'gateway',
  target: gatewayTarget,
  moves: (call) =>
    istioMoves(call, 'source', call.path.endsWith('2') ? 'istio-ingressgateway' : 'simple-gateway-istio'),
  noise: (call) => [
    ...others(call, 'source', 'simple-gateway-istio'),
    ...istioMoves({ ...call, isBad: true }, 'source', 'frontend'),
  ],
};

const waypoint: Shape = {
  source: 'istio-ambient',
  queries: ['istio-waypoint-requests', 'istio-waypoint-latency'],
  counts: 'gateway',
  target: gatewayTarget,
  moves: (call) => istioMoves(call, 'waypoint', 'frontend'),
  noise: (call) => [
    ...others(call, 'waypoint', 'frontend'),
    ...istioMoves({ ...call, isBad: true }, 'source', 'frontend'),
  ],
};

const mixer: Shape = {
  source: 'istio-mixer',
  queries: ['istio-mixer-requests', 'istio-mixer-latency'],
  counts: 'gateway',
  target: (process) => ({ job: 'istio-mesh', instance: `${process}:42422` }),
  moves: (call) => mixerMoves(call, 'destination'),
  noise: (call) => [
    ...lookAlikes(call).flatMap((other) => mixerMoves(other, 'destination')),
    ...mixerMoves({ ...call, isBad: true }, 'source'),
  ],
};

function mixerMoves(call: Call, reporter: string): readonly Move[] {
  const labels = {
    connection_security_policy: 'none',
    destination_app: 'web',
    destination_principal: 'unknown',
    destination_service: `web.${call.namespace}.svc.cluster.local`,
    destination_service_name: 'web',
    destination_service_namespace: call.namespace,
    destination_version: call.workload.slice(-2),
    destination_workload: call.workload,
    destination_workload_namespace: call.namespace,
    permissive_response_code: 'none',
    reporter,
    request_protocol: 'http',
    response_code: call.isBad ? '500' : '200',
    response_flags: '-',
    source_workload: 'frontend',
    source_workload_namespace: 'edge',
  };
  return [
    { name: 'istio_requests_total', labels },
    { name: 'istio_request_duration_seconds', labels, value: call.durationMs / 1000, boundaries: S },
  ];
}

const LINKERD_MS = [20, 100, 200, 500, 1000];

function linkerdMoves(call: Call, direction: 'inbound' | 'outbound'): readonly Move[] {
  const destination =
    direction === 'inbound'
      ? { target_addr: '0.0.0.0:8080', srv_name: 'web-http', authz_name: 'default' }
      : {
          dst_deployment: call.workload,
          dst_namespace: call.namespace,
          dst_pod: call.pod,
          dst_pod_template_hash: call.pod.split('-').at(-2) ?? '',
          dst_service: 'web',
          dst_serviceaccount: 'default',
        };
  const labels = {
    direction,
    authority: `web.${call.namespace}.svc.cluster.local:80`,
    tls: 'true',
    client_id: `default.${call.namespace}.serviceaccount.identity.linkerd.cluster.local`,
    ...destination,
  };
  const status = { status_code: call.isBad ? '500' : '200' };
  const classification = call.isBad ? 'failure' : 'success';
  return [
    { name: 'request_total', labels },
    { name: 'response_total', labels: { ...labels, ...status, classification } },
    { name: 'response_latency_ms', labels: { ...labels, ...status }, value: call.durationMs, boundaries: LINKERD_MS },
  ];
}

/** linkerd-viz maps the owner's label to `deployment`. */
const linkerdTarget: Shape['target'] = (pod, call) => ({
  job: 'linkerd-proxy',
  instance: `${pod}:4191`,
  namespace: call.namespace,
  pod,
  deployment: call.workload,
  pod_template_hash: pod.split('-').at(-2) ?? '',
  control_plane_ns: 'linkerd',
});

const linkerd: Shape = {
  source: 'linkerd',
  queries: ['linkerd-requests', 'linkerd-latency', 'linkerd-volume'],
  counts: 'pod',
  target: linkerdTarget,
  moves: (call) => linkerdMoves(call, 'inbound'),
  noise: (call) => linkerdMoves({ ...call, workload: 'database', isBad: true }, 'outbound'),
};

const linkerdCaller: Shape = {
  source: 'linkerd',
  queries: ['linkerd-requests-outbound', 'linkerd-latency-outbound'],
  counts: 'gateway',
  target: (process) => linkerdTarget(process, { namespace: 'edge', workload: 'frontend' }),
  moves: (call) => linkerdMoves(call, 'outbound'),
  noise: (call) => [
    ...lookAlikes(call).flatMap((other) => linkerdMoves(other, 'outbound')),
    ...linkerdMoves({ ...call, isBad: true }, 'inbound'),
  ],
};

export const meshes: readonly Shape[] = [sidecar, caller, gateway, waypoint, mixer, linkerd, linkerdCaller];

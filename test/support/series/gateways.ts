/** Series of gateways and ingress controllers: they know Services or clusters, not pods. */
import { type Call, gatewayTarget, LEVELS, lookAlikes, type Move, type Shape } from './shape.ts';

/** Some of Envoy's and Go's default boundaries. */
const ENVOY_MS = [25, 100, 250, 500, 1000];
const GO_S = [0.025, 0.1, 0.25, 0.5, 1];

/** Envoy's own tags; a call is counted once by its code and once by the class of its code. */
function envoyMoves(cluster: string, call: Call): readonly Move[] {
  const labels = { envoy_cluster_name: cluster };
  const done: readonly Move[] = [
    { name: 'envoy_cluster_upstream_rq_total', labels },
    { name: 'envoy_cluster_upstream_rq_completed', labels },
    { name: 'envoy_cluster_upstream_rq', labels: { ...labels, envoy_response_code: call.isBad ? '503' : '200' } },
    {
      name: 'envoy_cluster_upstream_rq_xx',
      labels: { ...labels, envoy_response_code_class: call.isBad ? '5' : '2' },
    },
    { name: 'envoy_cluster_upstream_rq_time', labels, value: call.durationMs, boundaries: ENVOY_MS },
    { name: 'envoy_cluster_circuit_breakers_default_rq_open', labels, set: LEVELS[call.arm] },
  ];
  return call.isBad ? [...done, { name: 'envoy_cluster_upstream_rq_pending_overflow', labels }] : done;
}

const routeCluster = ({ namespace, workload }: Call): string => {
  const [, route = '', version = ''] = /^(.+)-v(\d+)$/.exec(workload) ?? [];
  return `httproute/${namespace}/${route}/rule/0/backend/${Number(version) - 1}`;
};

const envoyGateway: Shape = {
  source: 'envoy-gateway',
  queries: ['envoy-gateway-requests', 'envoy-gateway-latency'],
  counts: 'gateway',
  target: gatewayTarget,
  moves: (call) => envoyMoves(routeCluster(call), call),
  noise: (call) => [
    ...lookAlikes(call).flatMap((other) => envoyMoves(routeCluster(other), other)),
    ...envoyMoves('xds_cluster', { ...call, isBad: true }),
  ],
};

const plainEnvoy: Shape = {
  source: 'envoy',
  queries: ['envoy-requests', 'envoy-latency', 'envoy-overflow', 'envoy-circuit-open'],
  counts: 'gateway',
  target: gatewayTarget,
  moves: (call) => envoyMoves(call.workload, call),
  noise: (call) => envoyMoves(`${call.workload}0`, { ...call, isBad: true }),
};

/** Istio's bootstrap renames the tags, so that one metric has codes and classes. */
function higressMoves(cluster: string, call: Call): readonly Move[] {
  const labels = { cluster_name: cluster };
  const name = 'envoy_cluster_upstream_rq';
  return [
    { name: 'envoy_cluster_upstream_rq_total', labels },
    { name, labels: { ...labels, response_code: call.isBad ? '503' : '200' } },
    { name, labels: { ...labels, response_code_class: call.isBad ? '5xx' : '2xx' } },
    { name: 'envoy_cluster_upstream_rq_time', labels, value: call.durationMs, boundaries: ENVOY_MS },
  ];
}

const meshCluster = ({ namespace, workload }: Call): string =>
  `outbound|80||${workload}.${namespace}.svc.cluster.local`;

const higress: Shape = {
  source: 'higress',
  queries: ['higress-requests', 'higress-latency'],
  counts: 'gateway',
  target: (process) => ({ job: 'higress-gateway', instance: `${process}:15020` }),
  moves: (call) => higressMoves(meshCluster(call), call),
  noise: (call) => [
    ...lookAlikes(call).flatMap((other) => higressMoves(meshCluster(other), other)),
    ...higressMoves('inbound|80||', { ...call, isBad: true }),
  ],
};

function plusMoves(call: Call): readonly Move[] {
  const peer = {
    nginx_upstream_name: `${call.namespace}_${call.workload}_80`,
    nginx_zone_name: `${call.namespace}_${call.workload}_80`,
    nginx_peer_address: '10.1.2.3:8080',
    nginx_peer_name: '10.1.2.3:8080',
  };
  return [
    { name: 'nginx_http_upstream_peer_requests_total', labels: peer },
    {
      name: 'nginx_http_upstream_peer_responses_total',
      labels: { ...peer, nginx_status_range: call.isBad ? '5xx' : '2xx' },
    },
  ];
}

const nginxGateway: Shape = {
  source: 'nginx-gateway-fabric',
  queries: ['nginx-gateway-requests'],
  counts: 'gateway',
  target: gatewayTarget,
  moves: plusMoves,
  noise: (call) => lookAlikes(call).flatMap(plusMoves),
};

function ingressMoves(call: Call): readonly Move[] {
  const labels = {
    controller_class: 'k8s.io/ingress-nginx',
    controller_namespace: 'ingress-nginx',
    controller_pod: 'controller',
    namespace: call.namespace,
    ingress: 'web',
    service: `${call.workload}-svc`,
    canary: call.arm === 'canary' ? `${call.namespace}-${call.workload}-svc-80` : '',
    host: 'shop.example.com',
    method: 'GET',
    path: call.path,
    status: call.isBad ? '502' : '200',
  };
  return [
    { name: 'nginx_ingress_controller_requests', labels },
    {
      name: 'nginx_ingress_controller_request_duration_seconds',
      labels,
      value: call.durationMs / 1000,
      boundaries: GO_S,
    },
  ];
}

const ingressNginx: Shape = {
  source: 'ingress-nginx',
  queries: ['nginx-ingress-requests', 'nginx-ingress-latency'],
  counts: 'gateway',
  // Scraped with honor_labels: the controller's own namespace and service stand in controller_*.
  target: (process) => ({ job: 'ingress-nginx', instance: `${process}:10254` }),
  moves: ingressMoves,
  noise: (call) => lookAlikes(call).flatMap(ingressMoves),
};

function traefikMoves(call: Call): readonly Move[] {
  const labels = {
    service: `${call.namespace}-${call.workload}-80@kubernetescrd`,
    code: call.isBad ? '502' : '200',
    method: 'GET',
    protocol: 'http',
  };
  return [
    { name: 'traefik_service_requests_total', labels },
    {
      name: 'traefik_service_request_duration_seconds',
      labels,
      value: call.durationMs / 1000,
      boundaries: [0.1, 0.3, 1.2, 5],
    },
    { name: 'traefik_entrypoint_requests_total', labels: { entrypoint: 'web', code: labels.code } },
  ];
}

const traefik: Shape = {
  source: 'traefik',
  queries: ['traefik-requests', 'traefik-latency'],
  counts: 'gateway',
  target: (process) => ({ job: 'traefik', instance: `${process}:9100` }),
  moves: traefikMoves,
  noise: (call) => lookAlikes(call).flatMap(traefikMoves),
};

/** As YACE writes it: sums of a minute, by target group. */
function albMoves(call: Call): readonly Move[] {
  const short = call.workload.replaceAll('-', '').slice(0, 8);
  const labels = {
    account_id: '123456789012',
    dimension_LoadBalancer: 'app/k8s-shop/50dc6c495c0c9188',
    dimension_TargetGroup: `targetgroup/k8s-${call.namespace}-${short}-0a1b2c3d4e/73e2d6bc24d8a067`,
    name: 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/k8s-shop/50dc6c495c0c9188',
    region: 'eu-central-1',
  };
  return ['httpcode_target_5_xx_count_sum', 'target_response_time_average', 'request_count_sum'].map((name) => ({
    name: `aws_applicationelb_${name}`,
    labels,
    set: LEVELS[call.arm],
  }));
}

const alb: Shape = {
  source: 'alb',
  queries: ['alb-errors', 'alb-latency', 'alb-volume'],
  counts: 'cloud',
  target: (process) => ({ job: 'yace', instance: `${process}:5000` }),
  moves: albMoves,
  noise: (call) => albMoves({ ...call, namespace: `${call.namespace}x` }),
};

export const gateways: readonly Shape[] = [envoyGateway, plainEnvoy, higress, nginxGateway, ingressNginx, traefik, alb];

/**
 * Labels that a source does not bring by itself, and the relabelling that makes them: what the annotation `serin.dev/needs` of a
 * MetricQuery names. Each goes into the scrape job of the source (in a ServiceMonitor: `relabelings`, `metricRelabelings`).
 */

/** A relabelling as Prometheus has it; `replace` where no action is written. */
export interface Relabelling {
  readonly source_labels: readonly string[];
  readonly regex: string;
  readonly target_label: string;
  readonly replacement?: string;
}

export interface Need {
  /** What is missing, and why, in one or two sentences. */
  readonly why: string;
  /** `relabel_configs` see the target and its pod, `metric_relabel_configs` the finished series. */
  readonly where: 'relabel_configs' | 'metric_relabel_configs';
  readonly rules: readonly Relabelling[];
}

/** Characters of which Kubernetes makes the hashes in names, so that they spell no words. */
const HASH = '[bcdfghjklmnpqrstvwxz2456789]';

const copied = (from: string, to: string): Relabelling => ({
  source_labels: [from],
  regex: '(.+)',
  target_label: to,
  replacement: '$1',
});

/** From the pod's owner, as service discovery of role `pod` or `endpoints` knows it. */
const owner: readonly Relabelling[] = [
  copied('__meta_kubernetes_namespace', 'namespace'),
  copied('__meta_kubernetes_pod_name', 'pod'),
  {
    source_labels: ['__meta_kubernetes_pod_controller_kind', '__meta_kubernetes_pod_controller_name'],
    regex: '(?:StatefulSet|DaemonSet|CloneSet);(.+)',
    target_label: 'workload',
    replacement: '$1',
  },
  {
    source_labels: ['__meta_kubernetes_pod_controller_kind', '__meta_kubernetes_pod_controller_name'],
    regex: `ReplicaSet;(.+)-${HASH}+`,
    target_label: 'workload',
    replacement: '$1',
  },
];

export const NEEDS = {
  'workload-label': {
    why: 'An application does not know which Deployment, Rollout or CloneSet it belongs to; service discovery does. The Prometheus Operator brings namespace and pod already.',
    where: 'relabel_configs',
    rules: owner,
  },
  'argo-pod-labels': {
    why: 'Argo Rollouts marks its pods with `rollouts-pod-template-hash`; the Rollout’s name comes from their ReplicaSet.',
    where: 'relabel_configs',
    rules: [...owner, copied('__meta_kubernetes_pod_label_rollouts_pod_template_hash', 'rollouts_pod_template_hash')],
  },
  'kruise-pod-labels': {
    why: 'OpenKruise marks the pods of a CloneSet or Advanced StatefulSet with `controller-revision-hash`; they belong to it directly.',
    where: 'relabel_configs',
    rules: [...owner, copied('__meta_kubernetes_pod_label_controller_revision_hash', 'controller_revision_hash')],
  },
  'workload-of-pod': {
    why: 'The source knows pods only (scrape kube-state-metrics and the kubelet with `honor_labels: true`). The name of a Deployment’s or Rollout’s pod begins with it.',
    where: 'metric_relabel_configs',
    rules: [
      {
        source_labels: ['pod'],
        regex: `(.+)-${HASH}{6,10}-${HASH}{5}`,
        target_label: 'workload',
        replacement: '$1',
      },
    ],
  },
  'otel-resource-labels': {
    why: 'Resource attributes must become labels: `promote_resource_attributes` in Prometheus’ `otlp` block, or `resource_to_telemetry_conversion` of the collector’s exporter, for k8s.namespace.name, k8s.deployment.name and k8s.pod.name. An Argo Rollout has no k8s.deployment.name: there its ReplicaSet’s name serves.',
    where: 'metric_relabel_configs',
    rules: [
      {
        source_labels: ['k8s_deployment_name', 'k8s_replicaset_name'],
        regex: `;(.+)-${HASH}+`,
        target_label: 'k8s_deployment_name',
        replacement: '$1',
      },
    ],
  },
  'ingress-services': {
    why: 'Scrape with `honor_labels: true`, or namespace and service are those of the controller. Each side needs its own Service, called like its workload; where it is called otherwise, rename it.',
    where: 'metric_relabel_configs',
    rules: [{ source_labels: ['service'], regex: '(.+)-(?:svc|service)', target_label: 'service', replacement: '$1' }],
  },
  'service-of-cluster-name': {
    why: 'Clusters are called `outbound|<port>|<subset>|<service>.<namespace>.svc.cluster.local`. Each side needs its own Service, called like its workload.',
    where: 'metric_relabel_configs',
    rules: [
      {
        source_labels: ['cluster_name'],
        regex: String.raw`outbound\|\d+\|[^|]*\|([^.]+)\..+`,
        target_label: 'workload',
        replacement: '$1',
      },
      {
        source_labels: ['cluster_name'],
        regex: String.raw`outbound\|\d+\|[^|]*\|[^.]+\.([^.]+)\.svc.*`,
        target_label: 'namespace',
        replacement: '$1',
      },
    ],
  },
  'service-of-upstream-name': {
    why: 'Upstreams are called `<namespace>_<service>_<port>`. Each side needs its own Service, called like its workload.',
    where: 'metric_relabel_configs',
    rules: [
      {
        source_labels: ['nginx_upstream_name'],
        regex: String.raw`[^_]+_([^_]+)_\d+`,
        target_label: 'workload',
        replacement: '$1',
      },
      {
        source_labels: ['nginx_upstream_name'],
        regex: String.raw`([^_]+)_[^_]+_\d+`,
        target_label: 'namespace',
        replacement: '$1',
      },
    ],
  },
  'traefik-services': {
    why: 'Services are called `<namespace>-<service>-<port>@kubernetes…`. Each side needs its own Service, called like its workload. A namespace with a `-` in its name needs a rule of its own, with the name written out.',
    where: 'metric_relabel_configs',
    rules: [
      {
        source_labels: ['service'],
        regex: '[^-]+-(.+)-[^-@]+@kubernetes.*',
        target_label: 'workload',
        replacement: '$1',
      },
      {
        source_labels: ['service'],
        regex: '([^-]+)-.+-[^-@]+@kubernetes.*',
        target_label: 'namespace',
        replacement: '$1',
      },
    ],
  },
  'alb-target-groups': {
    why: 'The AWS Load Balancer Controller calls a target group `k8s-<namespace>-<service>-<hash>`, namespace and Service cut to eight characters each, so each released one is written out: here that of Service web-canary in shop.',
    where: 'metric_relabel_configs',
    rules: [
      {
        source_labels: ['dimension_TargetGroup', 'target_group'],
        regex: '.*targetgroup/k8s-([a-z0-9]+)-.+',
        target_label: 'namespace',
        replacement: '$1',
      },
      {
        source_labels: ['dimension_TargetGroup', 'target_group'],
        regex: '.*targetgroup/k8s-shop-webcanar-.+',
        target_label: 'workload',
        replacement: 'web-canary',
      },
      {
        source_labels: ['dimension_TargetGroup', 'target_group'],
        regex: '.*targetgroup/k8s-shop-webstabl-.+',
        target_label: 'workload',
        replacement: 'web-stable',
      },
    ],
  },
  'envoy-gateway-backends': {
    why: 'Clusters are called after route and number, not after what they lead to, so each backendRef of each released route is written out: here the second backend of rule 0 of HTTPRoute shop/web leads to web-canary.',
    where: 'metric_relabel_configs',
    rules: [
      {
        source_labels: ['envoy_cluster_name'],
        regex: '(?:http|grpc)route/([^/]+)/.+',
        target_label: 'namespace',
        replacement: '$1',
      },
      {
        source_labels: ['envoy_cluster_name'],
        regex: 'httproute/shop/web/rule/0/backend/0',
        target_label: 'workload',
        replacement: 'web-stable',
      },
      {
        source_labels: ['envoy_cluster_name'],
        regex: 'httproute/shop/web/rule/0/backend/1',
        target_label: 'workload',
        replacement: 'web-canary',
      },
    ],
  },
} as const satisfies Record<string, Need>;

/** The need of this name; `undefined` where there is none. */
export function needOf(name: string | undefined): Need | undefined {
  return Object.entries(NEEDS).find(([known]) => known === name)?.[1];
}

/** As it stands in a scrape job of Prometheus. */
export function renderNeed({ where, rules }: Need): string {
  const lines = rules.flatMap(({ source_labels, regex, target_label, replacement }) => [
    `- source_labels: [${source_labels.join(', ')}]`,
    `  regex: '${regex}'`,
    `  target_label: ${target_label}`,
    ...(replacement === undefined || replacement === '$1' ? [] : [`  replacement: ${replacement}`]),
  ]);
  return [`${where}:`, ...lines].join('\n');
}

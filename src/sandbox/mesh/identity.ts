/** Who a proxy is, in the words of Istio's metric labels. */

export interface Identity {
  readonly workload: string;
  readonly namespace: string;
  readonly app: string;
  readonly version: string;
  readonly canonicalService: string;
  readonly canonicalRevision: string;
  readonly pod: string;
}

export interface IdentityPod {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Kind and name of the controlling owner. */
  readonly owner: { readonly kind: string; readonly name: string } | undefined;
}

/** What a Deployment, and a Rollout of Argo Rollouts, mark the pods of their ReplicaSets with; Istio knows both. */
const HASH_LABELS = ['pod-template-hash', 'rollouts-pod-template-hash'] as const;

/** A pod of a ReplicaSet that a Deployment made belongs to the Deployment: its name without the pod template hash. */
export function identityOf({ name, namespace, labels, owner }: IdentityPod): Identity {
  const hash = HASH_LABELS.flatMap((label) => labels[label] ?? []).find((each) => owner?.name.endsWith(`-${each}`));
  const isOfReplicaSet = owner?.kind === 'ReplicaSet' && hash !== undefined;
  const workload = isOfReplicaSet ? owner.name.slice(0, -hash.length - 1) : (owner?.name ?? name);
  const canonicalService =
    labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? workload;
  const version =
    labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels['version'];
  return {
    workload,
    namespace,
    app: labels['app'] ?? 'unknown',
    version: labels['version'] ?? 'unknown',
    canonicalService,
    canonicalRevision: version ?? 'latest',
    pod: name,
  };
}

export const UNKNOWN: Identity = {
  workload: 'unknown',
  namespace: 'unknown',
  app: 'unknown',
  version: 'unknown',
  canonicalService: 'unknown',
  canonicalRevision: 'latest',
  pod: '',
};

export const INGRESS_GATEWAY: Identity = {
  workload: 'istio-ingressgateway',
  namespace: 'istio-system',
  app: 'istio-ingressgateway',
  version: 'unknown',
  canonicalService: 'istio-ingressgateway',
  canonicalRevision: 'latest',
  pod: 'istio-ingressgateway-0',
};

/** How a proxy names itself to the next one. */
export function peerName(identity: Identity): string {
  return `${identity.namespace}/${identity.pod}`;
}

/** What the server itself writes into objects of the built-in kinds when they are created or updated. */
import { isObject, type Json, type JsonObject, listAt, numberAt, objectAt, textAt } from '../json.ts';
import { asJson, type StoredObject } from '../object.ts';

export interface Preparation {
  readonly create?: (object: StoredObject, nowMs: number) => void;
  readonly update?: (object: StoredObject, before: StoredObject) => void;
}

const emptyStatus: Preparation = {
  create: (object) => {
    object.status = {};
  },
};

const DEFAULT_TOLERATIONS = ['not-ready', 'unreachable'].map((name) => ({
  key: `node.kubernetes.io/${name}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
}));

/** Priority and tolerations come from admission on the real server. */
const pod: Preparation = {
  create: (object) => {
    object.status = { phase: 'Pending', qosClass: qosClass(object) };
    if (!isObject(object.spec)) return;
    object.spec['preemptionPolicy'] ??= 'PreemptLowerPriority';
    object.spec['priority'] ??= 0;
    object.spec['tolerations'] ??= DEFAULT_TOLERATIONS.map((toleration) => ({ ...toleration }));
  },
};

/** Guaranteed when limits equal requests for cpu and memory everywhere, BestEffort when there are none, else Burstable. */
function qosClass(object: StoredObject): string {
  const containers = [...listAt(object.spec, 'containers'), ...listAt(object.spec, 'initContainers')];
  const amounts = containers.map((container) => ({
    limits: objectAt(container, 'resources', 'limits') ?? {},
    requests: objectAt(container, 'resources', 'requests') ?? {},
  }));
  const none = amounts.every(({ limits, requests }) => Object.keys({ ...limits, ...requests }).length === 0);
  if (none) return 'BestEffort';
  const guaranteed = amounts.every(({ limits, requests }) =>
    ['cpu', 'memory'].every((name) => limits[name] !== undefined && (requests[name] ?? limits[name]) === limits[name]),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** Cluster IPs and node ports are made from the uid, so that they are stable and need no allocator. */
function hashOf(text: string): number {
  let hash = 2_166_136_261;
  for (const character of text) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16_777_619);
  return hash >>> 0;
}

const service: Preparation = {
  create: (object) => {
    object.status = { loadBalancer: {} };
    if (isObject(object.spec)) assignAddress(object.spec, object.metadata.uid ?? '');
  },
  update: (object, before) => {
    if (!isObject(object.spec)) return;
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy']) {
      const value = isObject(before.spec) ? before.spec[field] : undefined;
      if (object.spec[field] === undefined && value !== undefined && object.spec['type'] !== 'ExternalName') {
        object.spec[field] = structuredClone(value);
      }
    }
    const ports = listAt(before.spec, 'ports');
    for (const port of listAt(object.spec, 'ports')) {
      const same = ports.find((other) => textAt(other, 'name') === textAt(port, 'name'));
      const nodePort = numberAt(same, 'nodePort');
      const wants = ['NodePort', 'LoadBalancer'].includes(textAt(object.spec, 'type') ?? '');
      if (isObject(port) && port['nodePort'] === undefined && nodePort !== undefined && wants)
        port['nodePort'] = nodePort;
    }
    assignAddress(object.spec, object.metadata.uid ?? '');
  },
};

function assignAddress(spec: JsonObject, uid: string): void {
  const type = textAt(spec, 'type');
  if (type === 'ExternalName') return;
  const hash = hashOf(uid);
  if ((textAt(spec, 'clusterIP') ?? '') === '') {
    spec['clusterIP'] = `10.96.${(hash >>> 8) & 255}.${(hash & 255) % 254 || 1}`;
  }
  spec['clusterIPs'] ??= [spec['clusterIP'] ?? ''];
  spec['ipFamilies'] ??= ['IPv4'];
  spec['ipFamilyPolicy'] ??= 'SingleStack';
  if (type !== 'NodePort' && type !== 'LoadBalancer') return;
  listAt(spec, 'ports').forEach((port, index) => {
    if (isObject(port)) port['nodePort'] ??= 30_000 + ((hash + index) % 2_768);
  });
}

const namespace: Preparation = {
  create: (object) => {
    object.spec = { finalizers: ['kubernetes'] };
    object.status = { phase: 'Active' };
  },
  update: (object, before) => {
    if (before.spec !== undefined) object.spec = structuredClone(before.spec);
  },
};

const autoscaler: Preparation = {
  create: (object) => {
    object.status = { desiredReplicas: 0, currentMetrics: null as Json };
  },
};

const replicaSet: Preparation = {
  create: (object) => {
    object.status = { replicas: 0 };
  },
};

const budget: Preparation = {
  create: (object) => {
    object.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
};

const event: Preparation = {
  create: (object) => {
    const body = asJson(object);
    const core = {
      eventTime: null,
      reportingComponent: '',
      reportingInstance: '',
      source: {},
      firstTimestamp: null,
      lastTimestamp: null,
    };
    if (body['apiVersion'] !== 'v1') return;
    for (const [key, value] of Object.entries(core)) body[key] ??= value;
  },
};

const definition: Preparation = {
  create: (object) => {
    const stored = listAt(object.spec, 'versions').find((version) => isObject(version) && version['storage'] === true);
    object.status = {
      conditions: null,
      acceptedNames: { plural: '', kind: '' },
      storedVersions: [textAt(stored, 'name') ?? ''],
    };
  },
};

export const BUILTIN_PREPARATIONS: Readonly<Record<string, Preparation>> = {
  Pod: pod,
  Deployment: emptyStatus,
  ReplicaSet: replicaSet,
  Service: service,
  Namespace: namespace,
  HorizontalPodAutoscaler: autoscaler,
  PodDisruptionBudget: budget,
  Event: event,
  CustomResourceDefinition: definition,
};

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

const pod: Preparation = {
  create: (object) => {
    object.status = { phase: 'Pending', qosClass: qosClass(object) };
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

const secret: Preparation = {
  create: encodeStringData,
  update: encodeStringData,
};

/** `stringData` is write-only: it ends up base64-encoded in `data`. */
function encodeStringData(object: StoredObject): void {
  const secretObject = asJson(object);
  const plain = secretObject['stringData'];
  if (!isObject(plain)) return;
  const data: JsonObject = isObject(secretObject['data']) ? { ...secretObject['data'] } : {};
  for (const [key, value] of Object.entries(plain)) {
    if (typeof value === 'string') data[key] = Buffer.from(value).toString('base64');
  }
  secretObject['data'] = data;
  delete secretObject['stringData'];
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

export const BUILTIN_PREPARATIONS: Readonly<Record<string, Preparation>> = {
  Pod: pod,
  Deployment: emptyStatus,
  ReplicaSet: replicaSet,
  Service: service,
  Secret: secret,
  Namespace: namespace,
  HorizontalPodAutoscaler: autoscaler,
  PodDisruptionBudget: budget,
};

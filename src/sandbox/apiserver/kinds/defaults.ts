/** What the server fills in for the built-in kinds where the user said nothing. Changes the object in place. */
import { isObject, type Json, type JsonObject, listAt, objectAt, textAt } from '../json.ts';
import type { StoredObject } from '../object.ts';

type Defaulter = (object: StoredObject) => void;

/** Sets fields that are absent or null. */
function fill(target: JsonObject | undefined, values: Readonly<Record<string, Json>>): void {
  if (target === undefined) return;
  for (const [key, value] of Object.entries(values)) {
    if (target[key] === undefined || target[key] === null) target[key] = structuredClone(value);
  }
}

const objectsIn = (value: Json | undefined, ...path: readonly (string | number)[]): JsonObject[] =>
  listAt(value, ...path).filter(isObject);

function child(target: JsonObject, field: string): JsonObject {
  const existing = target[field];
  if (isObject(existing)) return existing;
  const made: JsonObject = {};
  target[field] = made;
  return made;
}

const specOf = (object: StoredObject): JsonObject => child(object as JsonObject, 'spec');

function podSpecDefaults(spec: JsonObject): void {
  fill(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  });
  if (typeof spec['serviceAccountName'] === 'string') fill(spec, { serviceAccount: spec['serviceAccountName'] });
  else if (typeof spec['serviceAccount'] === 'string') fill(spec, { serviceAccountName: spec['serviceAccount'] });
  for (const container of [...objectsIn(spec, 'containers'), ...objectsIn(spec, 'initContainers')]) {
    containerDefaults(container);
  }
  for (const volume of objectsIn(spec, 'volumes')) volumeDefaults(volume);
}

function containerDefaults(container: JsonObject): void {
  const image = textAt(container, 'image') ?? '';
  const name = image.split('/').at(-1) ?? '';
  const latest = !image.includes('@') && (!name.includes(':') || name.endsWith(':latest'));
  fill(container, {
    resources: {},
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    imagePullPolicy: latest ? 'Always' : 'IfNotPresent',
  });
  for (const port of objectsIn(container, 'ports')) fill(port, { protocol: 'TCP' });
  for (const entry of objectsIn(container, 'env')) fill(objectAt(entry, 'valueFrom', 'fieldRef'), { apiVersion: 'v1' });
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = objectAt(container, name);
    fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
    fill(objectAt(probe, 'httpGet'), { path: '/', scheme: 'HTTP' });
    fill(objectAt(probe, 'grpc'), { service: '' });
  }
  for (const hook of ['postStart', 'preStop']) {
    fill(objectAt(container, 'lifecycle', hook, 'httpGet'), { path: '/', scheme: 'HTTP' });
  }
}

function volumeDefaults(volume: JsonObject): void {
  for (const source of ['secret', 'configMap', 'downwardAPI', 'projected']) {
    fill(objectAt(volume, source), { defaultMode: 420 });
  }
  fill(objectAt(volume, 'hostPath'), { type: '' });
  for (const source of objectsIn(volume, 'projected', 'sources')) {
    fill(objectAt(source, 'serviceAccountToken'), { expirationSeconds: 3600 });
  }
  if (Object.keys(volume).length === 1) volume['emptyDir'] = {};
}

function templateDefaults(spec: JsonObject): void {
  const template = objectAt(spec, 'template');
  if (template === undefined) return;
  if (!isObject(template['metadata'])) template['metadata'] = {};
  podSpecDefaults(child(template, 'spec'));
}

const pod: Defaulter = (object) => {
  const spec = specOf(object);
  for (const container of [...objectsIn(spec, 'containers'), ...objectsIn(spec, 'initContainers')]) {
    const limits = objectAt(container, 'resources', 'limits');
    if (limits !== undefined) fill(child(child(container, 'resources'), 'requests'), limits as Record<string, Json>);
  }
  podSpecDefaults(spec);
  fill(spec, { enableServiceLinks: true });
  podAddresses(objectAt(object as JsonObject, 'status'));
};

/** `podIP` and the first of `podIPs` say the same. */
function podAddresses(status: JsonObject | undefined): void {
  if (status === undefined) return;
  const one = textAt(status, 'podIP');
  const first = textAt(status, 'podIPs', 0, 'ip');
  if (one !== undefined && one !== first) status['podIPs'] = [{ ip: one }];
  else if (first !== undefined) status['podIP'] = first;
}

const deployment: Defaulter = (object) => {
  const spec = specOf(object);
  fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
  const strategy = child(spec, 'strategy');
  if (textAt(strategy, 'type') === undefined || strategy['type'] === '') strategy['type'] = 'RollingUpdate';
  if (strategy['type'] === 'RollingUpdate') {
    fill(child(strategy, 'rollingUpdate'), { maxUnavailable: '25%', maxSurge: '25%' });
  }
  templateDefaults(spec);
};

const replicaSet: Defaulter = (object) => {
  const spec = specOf(object);
  fill(spec, { replicas: 1 });
  templateDefaults(spec);
};

const service: Defaulter = (object) => {
  const spec = specOf(object);
  fill(spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  if (spec['sessionAffinity'] === 'ClientIP') {
    fill(child(child(spec, 'sessionAffinityConfig'), 'clientIP'), { timeoutSeconds: 10_800 });
  }
  for (const port of objectsIn(spec, 'ports')) {
    fill(port, { protocol: 'TCP' });
    if (port['targetPort'] === 0 || port['targetPort'] === '') delete port['targetPort'];
    if (typeof port['port'] === 'number') fill(port, { targetPort: port['port'] });
  }
  const type = spec['type'];
  if (type === 'NodePort' || type === 'LoadBalancer') fill(spec, { externalTrafficPolicy: 'Cluster' });
  if (type === 'LoadBalancer') fill(spec, { allocateLoadBalancerNodePorts: true });
  if (type !== 'ExternalName') fill(spec, { internalTrafficPolicy: 'Cluster' });
};

const UP = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const DOWN = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] };

const autoscaler: Defaulter = (object) => {
  const spec = specOf(object);
  fill(spec, { minReplicas: 1 });
  if (listAt(spec, 'metrics').length === 0) {
    const target = { type: 'Utilization', averageUtilization: 80 };
    spec['metrics'] = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  }
  const behavior = objectAt(spec, 'behavior');
  if (behavior === undefined) return;
  fill(child(behavior, 'scaleUp'), UP);
  fill(child(behavior, 'scaleDown'), DOWN);
};

const RBAC = 'rbac.authorization.k8s.io';
const roleBinding: Defaulter = (object) => {
  const binding = object as JsonObject;
  fill(objectAt(binding, 'roleRef'), { apiGroup: RBAC });
  for (const subject of objectsIn(binding, 'subjects')) {
    if (subject['kind'] === 'User' || subject['kind'] === 'Group') fill(subject, { apiGroup: RBAC });
  }
};

const endpointSlice: Defaulter = (object) => {
  for (const port of objectsIn(object['ports'] as Json)) fill(port, { name: '', protocol: 'TCP' });
  for (const endpoint of objectsIn(object['endpoints'] as Json)) fill(endpoint, { conditions: {} });
};

const endpoints: Defaulter = (object) => {
  for (const subset of objectsIn(object['subsets'] as Json)) {
    for (const port of objectsIn(subset, 'ports')) fill(port, { protocol: 'TCP' });
  }
};

const definition: Defaulter = (object) => {
  const spec = specOf(object);
  const names = child(spec, 'names');
  const kind = textAt(names, 'kind');
  if (kind !== undefined) fill(names, { singular: kind.toLowerCase(), listKind: `${kind}List` });
  fill(spec, { conversion: { strategy: 'None' } });
};

const secret: Defaulter = (object) => {
  const body = object as JsonObject;
  fill(body, { type: 'Opaque' });
  const plain = body['stringData'];
  if (!isObject(plain)) return;
  const data = child(body, 'data');
  for (const [key, value] of Object.entries(plain)) {
    if (typeof value === 'string') data[key] = Buffer.from(value).toString('base64');
  }
  delete body['stringData'];
};

const node: Defaulter = (object) => {
  child(object as JsonObject, 'spec');
};

const networkPolicy: Defaulter = (object) => {
  const egress = listAt(object.spec, 'egress').length > 0;
  fill(specOf(object), { policyTypes: egress ? ['Ingress', 'Egress'] : ['Ingress'] });
};

const namespace: Defaulter = (object) => {
  const labels = child(object.metadata as JsonObject, 'labels');
  if (object.metadata.name !== undefined) labels['kubernetes.io/metadata.name'] = object.metadata.name;
};

export const BUILTIN_DEFAULTS: Readonly<Record<string, Defaulter>> = {
  Pod: pod,
  Deployment: deployment,
  ReplicaSet: replicaSet,
  Service: service,
  HorizontalPodAutoscaler: autoscaler,
  RoleBinding: roleBinding,
  ClusterRoleBinding: roleBinding,
  EndpointSlice: endpointSlice,
  Endpoints: endpoints,
  CustomResourceDefinition: definition,
  Secret: secret,
  Namespace: namespace,
  NetworkPolicy: networkPolicy,
  Node: node,
};

/** What `kubectl get` shows for the built-in kinds. Long because it is one table and the small functions that only it uses. */
import { isObject, type Json, listAt, numberAt, objectAt, textAt, textMap, textsAt, valueAt } from '../json.ts';
import { asJson, type StoredObject } from '../object.ts';
import { ageOf } from './age.ts';
import { podColumns } from './pod-columns.ts';
import type { Column } from './resource.ts';

type Cell = Column['cell'];

const column = (name: string, cell: Cell, priority = 0, type: Column['type'] = 'string'): Column => ({
  name,
  type,
  priority,
  cell,
});

export const NAME: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  priority: 0,
  cell: (object) => object.metadata.name,
};
const AGE = column('Age', (object, nowMs) => ageOf(object.metadata.creationTimestamp, nowMs));

const at =
  (path: string, otherwise = ''): Cell =>
  (object) =>
    textAt(asJson(object), ...path.split('.')) ?? otherwise;
const count =
  (path: string): Cell =>
  (object) =>
    numberAt(asJson(object), ...path.split('.')) ?? 0;
const scalar = (value: Json | undefined, otherwise: string): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : otherwise;

const containers = (part: 'name' | 'image'): Cell => {
  return (object) =>
    listAt(object.spec, 'template', 'spec', 'containers')
      .map((container) => textAt(container, part) ?? '')
      .join(',');
};

const selectorText: Cell = (object) => {
  const labels = Object.entries(textMap(valueAt(object.spec, 'selector', 'matchLabels'))).map(([k, v]) => `${k}=${v}`);
  const expressions = listAt(object.spec, 'selector', 'matchExpressions').map((expression) => {
    const values = textsAt(expression, 'values').join(',');
    const operator = (textAt(expression, 'operator') ?? '').toLowerCase();
    const key = textAt(expression, 'key') ?? '';
    if (operator === 'exists') return key;
    return operator === 'doesnotexist' ? `!${key}` : `${key} ${operator} (${values})`;
  });
  return [...labels.sort(), ...expressions].join(',');
};

const workloadDetails = [
  column('Containers', containers('name'), 1),
  column('Images', containers('image'), 1),
  column('Selector', selectorText, 1),
];

const servicePorts: Cell = (object) => {
  const ports = listAt(object.spec, 'ports').map((port) => {
    const nodePort = numberAt(port, 'nodePort');
    const number = `${numberAt(port, 'port') ?? 0}`;
    return `${nodePort === undefined ? number : `${number}:${nodePort}`}/${textAt(port, 'protocol') ?? 'TCP'}`;
  });
  return ports.length === 0 ? '<none>' : ports.join(',');
};

const externalIp: Cell = (object) => {
  const type = textAt(object.spec, 'type');
  if (type === 'ExternalName') return textAt(object.spec, 'externalName') ?? '';
  const addresses = listAt(object.status, 'loadBalancer', 'ingress').map(
    (entry) => textAt(entry, 'ip') ?? textAt(entry, 'hostname') ?? '',
  );
  const all = [...addresses, ...listAt(object.spec, 'externalIPs').map(String)];
  if (all.length > 0) return all.join(',');
  return type === 'LoadBalancer' ? '<pending>' : '<none>';
};

const labelsText = (value: Json | undefined): string => {
  const entries = Object.entries(textMap(value)).map(([key, text]) => `${key}=${text}`);
  return entries.length === 0 ? '<none>' : entries.sort().join(',');
};

const atMost = (items: readonly string[], limit: number, separator: string): string => {
  if (items.length === 0) return '<none>';
  const shown = items.slice(0, limit).join(separator);
  return items.length > limit ? `${shown} + ${items.length - limit} more...` : shown;
};

const endpointAddresses: Cell = (object) =>
  atMost(
    listAt(object['subsets'] as Json).flatMap((subset) => {
      const ips = listAt(subset, 'addresses').map((address) => textAt(address, 'ip') ?? '');
      const ports = listAt(subset, 'ports').map((port) => numberAt(port, 'port') ?? 0);
      return ports.length === 0 ? ips : ports.flatMap((port) => ips.map((ip) => `${ip}:${port}`));
    }),
    3,
    ',',
  );

const slicePorts: Cell = (object) => {
  const ports = listAt(object['ports'] as Json).map((port) => `${numberAt(port, 'port') ?? '*'}`);
  return ports.length === 0 ? '<unset>' : atMost(ports, 3, ',');
};
const sliceAddresses: Cell = (object) => {
  const addresses = listAt(object['endpoints'] as Json).flatMap((endpoint) =>
    listAt(endpoint, 'addresses').map(String),
  );
  return addresses.length === 0 ? '<unset>' : atMost(addresses, 3, ',');
};

const eventCount: Cell = (object) =>
  String(numberAt(object['series'] as Json, 'count') ?? (numberAt(asJson(object), 'count') || 1));
const firstSeen = (object: StoredObject): string | undefined =>
  textAt(asJson(object), 'firstTimestamp') ?? textAt(asJson(object), 'eventTime');
const lastSeen = (object: StoredObject): string | undefined =>
  textAt(object['series'] as Json, 'lastObservedTime') ?? textAt(asJson(object), 'lastTimestamp') ?? firstSeen(object);
const eventTarget: Cell = (object) => {
  const kind = (textAt(object['involvedObject'] as Json, 'kind') ?? '').toLowerCase();
  const name = textAt(object['involvedObject'] as Json, 'name') ?? '';
  return name === '' ? kind : `${kind}/${name}`;
};
const eventSource: Cell = (object) => {
  const parts = [
    textAt(object['source'] as Json, 'component') ?? textAt(asJson(object), 'reportingComponent') ?? '',
    textAt(object['source'] as Json, 'host') ?? textAt(asJson(object), 'reportingInstance') ?? '',
  ];
  return parts.filter((part) => part !== '').join(', ');
};

const nodeStatus: Cell = (object) => {
  const ready = listAt(object.status, 'conditions').find((condition) => textAt(condition, 'type') === 'Ready');
  const words = [ready === undefined ? 'Unknown' : textAt(ready, 'status') === 'True' ? 'Ready' : 'NotReady'];
  if (valueAt(object.spec, 'unschedulable') === true) words.push('SchedulingDisabled');
  return words.join(',');
};
const nodeRoles: Cell = (object) => {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.keys(object.metadata.labels ?? {}).filter((label) => label.startsWith(prefix));
  return roles.length === 0
    ? '<none>'
    : roles
        .map((label) => label.slice(prefix.length))
        .sort()
        .join(',');
};
const nodeAddress =
  (type: string): Cell =>
  (object) => {
    const found = listAt(object.status, 'addresses').find((address) => textAt(address, 'type') === type);
    return textAt(found, 'address') ?? '<none>';
  };

const metricTarget = (metric: Json, status: Json | undefined): string => {
  const type = textAt(metric, 'type') ?? '';
  const key = type.charAt(0).toLowerCase() + type.slice(1);
  const target = objectAt(metric, key, 'target');
  const current = objectAt(status, key, 'current');
  const name = textAt(metric, key, 'name');
  const prefix = type === 'Resource' || type === 'ContainerResource' ? `${name ?? ''}: ` : '';
  const average = target?.['averageValue'];
  if (average !== undefined) {
    const suffix = prefix === '' && type !== 'Pods' ? ' (avg)' : '';
    return `${prefix}${scalar(current?.['averageValue'], '<unknown>')}/${scalar(average, '')}${suffix}`;
  }
  if (prefix === '') return `${scalar(current?.['value'], '<unknown>')}/${scalar(target?.['value'], '')}`;
  const percent = (value: Json | undefined, otherwise: string): string =>
    typeof value === 'number' ? `${value}%` : otherwise;
  return `${prefix}${percent(current?.['averageUtilization'], '<unknown>')}/${percent(target?.['averageUtilization'], '<auto>')}`;
};
const hpaTargets: Cell = (object) =>
  atMost(
    listAt(object.spec, 'metrics').map((metric, index) =>
      metricTarget(metric, listAt(object.status, 'currentMetrics')[index]),
    ),
    2,
    ', ',
  );

const subjects = (kind: string): Cell => {
  return (object) =>
    listAt(object['subjects'] as Json)
      .filter((subject) => textAt(subject, 'kind') === kind)
      .map((subject) => {
        const name = textAt(subject, 'name') ?? '';
        return kind === 'ServiceAccount' ? `${textAt(subject, 'namespace') ?? ''}/${name}` : name;
      })
      .join(', ');
};
const bindingColumns = [
  NAME,
  column(
    'Role',
    (object) => `${textAt(object['roleRef'] as Json, 'kind')}/${textAt(object['roleRef'] as Json, 'name')}`,
  ),
  AGE,
  column('Users', subjects('User'), 1),
  column('Groups', subjects('Group'), 1),
  column('ServiceAccounts', subjects('ServiceAccount'), 1),
];

const members = (...fields: readonly string[]): Cell => {
  return (object) =>
    fields.reduce((sum, field) => {
      const value = asJson(object)[field];
      return sum + (isObject(value) ? Object.keys(value).length : 0);
    }, 0);
};

const createdAt = column('Created At', (object) => object.metadata.creationTimestamp ?? '');

/** By kind; a kind that is not here shows name and creation time, as the real server does. */
export const BUILTIN_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Pod: podColumns(NAME, AGE),
  Deployment: [
    NAME,
    column('Ready', (o) => `${numberAt(o.status, 'readyReplicas') ?? 0}/${numberAt(o.spec, 'replicas') ?? 0}`),
    column('Up-to-date', count('status.updatedReplicas')),
    column('Available', count('status.availableReplicas')),
    AGE,
    ...workloadDetails,
  ],
  ReplicaSet: [
    NAME,
    column('Desired', count('spec.replicas'), 0, 'integer'),
    column('Current', count('status.replicas'), 0, 'integer'),
    column('Ready', count('status.readyReplicas'), 0, 'integer'),
    AGE,
    ...workloadDetails,
  ],
  Service: [
    NAME,
    column('Type', at('spec.type')),
    column('Cluster-IP', (o) => textAt(o.spec, 'clusterIP') ?? '<none>'),
    column('External-IP', externalIp),
    column('Port(s)', servicePorts),
    AGE,
    column('Selector', (o) => labelsText(valueAt(o.spec, 'selector')), 1),
  ],
  Endpoints: [NAME, column('Endpoints', endpointAddresses), AGE],
  EndpointSlice: [
    NAME,
    column('AddressType', at('addressType')),
    column('Ports', slicePorts),
    column('Endpoints', sliceAddresses),
    AGE,
  ],
  Namespace: [NAME, column('Status', at('status.phase')), AGE],
  Secret: [NAME, column('Type', at('type')), column('Data', members('data')), AGE],
  ConfigMap: [NAME, column('Data', members('data', 'binaryData')), AGE],
  ServiceAccount: [NAME, AGE],
  Event: [
    column('Last Seen', (o, nowMs) => ageOf(lastSeen(o), nowMs)),
    column('Type', at('type')),
    column('Reason', at('reason')),
    column('Object', eventTarget),
    column('Subobject', at('involvedObject.fieldPath'), 1),
    column('Source', eventSource, 1),
    column('Message', (o) => (textAt(asJson(o), 'message') ?? '').trim()),
    column('First Seen', (o, nowMs) => ageOf(firstSeen(o), nowMs), 1),
    column('Count', eventCount, 1),
    { ...NAME, priority: 1 },
  ],
  Node: [
    NAME,
    column('Status', nodeStatus),
    column('Roles', nodeRoles),
    AGE,
    column('Version', at('status.nodeInfo.kubeletVersion')),
    column('Internal-IP', nodeAddress('InternalIP'), 1),
    column('External-IP', nodeAddress('ExternalIP'), 1),
    column('OS-Image', at('status.nodeInfo.osImage', '<unknown>'), 1),
    column('Kernel-Version', at('status.nodeInfo.kernelVersion', '<unknown>'), 1),
    column('Container-Runtime', at('status.nodeInfo.containerRuntimeVersion', '<unknown>'), 1),
  ],
  Lease: [NAME, column('Holder', at('spec.holderIdentity')), AGE],
  PodDisruptionBudget: [
    NAME,
    column('Min Available', (o) => scalar(valueAt(o.spec, 'minAvailable'), 'N/A')),
    column('Max Unavailable', (o) => scalar(valueAt(o.spec, 'maxUnavailable'), 'N/A')),
    column('Allowed Disruptions', count('status.disruptionsAllowed'), 0, 'integer'),
    AGE,
  ],
  HorizontalPodAutoscaler: [
    NAME,
    column(
      'Reference',
      (o) => `${textAt(o.spec, 'scaleTargetRef', 'kind')}/${textAt(o.spec, 'scaleTargetRef', 'name')}`,
    ),
    column('Targets', hpaTargets),
    column('MinPods', (o) => scalar(valueAt(o.spec, 'minReplicas'), '<unset>')),
    column('MaxPods', count('spec.maxReplicas')),
    column('Replicas', count('status.currentReplicas')),
    AGE,
  ],
  RoleBinding: bindingColumns,
  ClusterRoleBinding: bindingColumns,
  Role: [NAME, createdAt],
  ClusterRole: [NAME, createdAt],
  CustomResourceDefinition: [NAME, createdAt],
  NetworkPolicy: [NAME, column('Pod-Selector', (o) => labelsText(valueAt(o.spec, 'podSelector', 'matchLabels'))), AGE],
};

export const FALLBACK_COLUMNS: readonly Column[] = [NAME, createdAt];

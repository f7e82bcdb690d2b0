/**
 * Where the sandbox's knowledge of the built-in kinds comes from: the OpenAPI documents of the real API server, and the protobuf
 * definitions and Go types of its modules. Run by hand after a new version of Kubernetes; a conformance test finds what drifted.
 *
 *     node test/support/apiserver-schemas.ts "$(go env GOMODCACHE)"
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ApiClient, apiClient } from './apiserver-client.ts';
import { startControlPlane } from './control-plane.ts';

const VERSION = 'v0.36.3';
const target = (name: string): string =>
  fileURLToPath(new URL(`../../src/sandbox/apiserver/schema/${name}`, import.meta.url));

/** Path of the OpenAPI document → kinds that the sandbox serves of it. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  'api/v1': ['Namespace', 'Pod', 'Service', 'Endpoints', 'Secret', 'ConfigMap', 'ServiceAccount', 'Event', 'Node'],
  'apis/apps/v1': ['Deployment', 'ReplicaSet'],
  'apis/autoscaling/v1': ['Scale'],
  'apis/autoscaling/v2': ['HorizontalPodAutoscaler'],
  'apis/coordination.k8s.io/v1': ['Lease'],
  'apis/discovery.k8s.io/v1': ['EndpointSlice'],
  'apis/events.k8s.io/v1': ['Event'],
  'apis/policy/v1': ['PodDisruptionBudget'],
  'apis/rbac.authorization.k8s.io/v1': ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'],
  'apis/apiextensions.k8s.io/v1': ['CustomResourceDefinition'],
  'apis/networking.k8s.io/v1': ['NetworkPolicy', 'Ingress'],
  'apis/authorization.k8s.io/v1': ['SelfSubjectAccessReview'],
};

type Node = { [key: string]: unknown };

/** The definitions of these kinds and all that they refer to, without descriptions. */
export async function builtinDefinitions(client: ApiClient): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const [path, kinds] of Object.entries(KINDS)) {
    const document = (await client.call('GET', `/openapi/v3/${path}`)).body;
    const schemas = document.components.schemas as Record<string, Node>;
    for (const kind of kinds) {
      const name = Object.keys(schemas).find((key) => key.endsWith(`.${kind}`) && isKind(schemas[key], kind));
      if (name !== undefined) collect(schemas, name, found);
    }
  }
  return found;
}

const isKind = (schema: Node | undefined, kind: string): boolean => {
  const kinds = schema?.['x-kubernetes-group-version-kind'];
  return Array.isArray(kinds) && kinds.some((item: { kind: string }) => item.kind === kind);
};

function collect(schemas: Record<string, Node>, name: string, found: Record<string, unknown>): void {
  if (found[name] !== undefined) return;
  const copy = structuredClone(schemas[name] ?? {});
  found[name] = copy;
  trim(copy, (reference) => collect(schemas, reference.split('/').at(-1) ?? '', found));
}

function trim(value: unknown, visit: (reference: string) => void): void {
  if (typeof value !== 'object' || value === null) return;
  const node = value as Node;
  const only = Array.isArray(node['allOf']) && node['allOf'].length === 1 ? (node['allOf'][0] as Node) : undefined;
  if (typeof only?.['$ref'] === 'string') {
    delete node['allOf'];
    node['$ref'] = only['$ref'];
  }
  if (typeof node['$ref'] === 'string') visit(node['$ref']);
  if (typeof node['description'] === 'string') delete node['description'];
  for (const member of Object.values(node)) trim(member, visit);
}

/** Modules with a `generated.proto` and `types.go` each. */
const PACKAGES: readonly string[] = [
  `k8s.io/api@${VERSION}/core/v1`,
  `k8s.io/api@${VERSION}/apps/v1`,
  `k8s.io/api@${VERSION}/autoscaling/v1`,
  `k8s.io/api@${VERSION}/autoscaling/v2`,
  `k8s.io/api@${VERSION}/coordination/v1`,
  `k8s.io/api@${VERSION}/discovery/v1`,
  `k8s.io/api@${VERSION}/events/v1`,
  `k8s.io/api@${VERSION}/policy/v1`,
  `k8s.io/api@${VERSION}/rbac/v1`,
  `k8s.io/api@${VERSION}/networking/v1`,
  `k8s.io/api@${VERSION}/authorization/v1`,
  `k8s.io/apimachinery@${VERSION}/pkg/apis/meta/v1`,
];

const ROOTS = [
  ...[
    'Namespace',
    'Pod',
    'Service',
    'Endpoints',
    'Secret',
    'ConfigMap',
    'ServiceAccount',
    'Event',
    'Node',
    'Binding',
  ].map((kind) => `core.v1.${kind}`),
  ...['Deployment', 'ReplicaSet'].map((kind) => `apps.v1.${kind}`),
  'autoscaling.v1.Scale',
  'autoscaling.v2.HorizontalPodAutoscaler',
  'coordination.v1.Lease',
  'discovery.v1.EndpointSlice',
  'events.v1.Event',
  'policy.v1.PodDisruptionBudget',
  'policy.v1.Eviction',
  ...['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'].map((kind) => `rbac.v1.${kind}`),
  'networking.v1.NetworkPolicy',
  ...['SelfSubjectAccessReview', 'SelfSubjectRulesReview', 'SubjectAccessReview'].map(
    (kind) => `authorization.v1.${kind}`,
  ),
  'meta.v1.DeleteOptions',
];

/** `core.v1.PodSpec` → `["1 volumes [core.v1.Volume", "4 terminationGracePeriodSeconds *int64", …]`: `[` repeated, `*` pointer. */
function protobufMessages(moduleCache: string): Record<string, string[]> {
  const messages: Record<string, string[]> = {};
  for (const path of PACKAGES) {
    const folder = `${moduleCache}/${path}`;
    const name = path.includes('apimachinery') ? 'meta.v1' : path.split('/').slice(-2).join('.');
    const pointers = pointerFields(readFileSync(`${folder}/types.go`, 'utf8'));
    readProto(readFileSync(`${folder}/generated.proto`, 'utf8'), name, pointers, messages);
  }
  const used: Record<string, string[]> = {};
  const keep = (name: string): void => {
    if (used[name] !== undefined || messages[name] === undefined) return;
    used[name] = messages[name];
    for (const field of messages[name]) for (const match of field.matchAll(/[a-z]+\.v\d\.\w+/g)) keep(match[0]);
  };
  for (const root of ROOTS) keep(root);
  return used;
}

/** `PodSpec.terminationGracePeriodSeconds` for each field that is a pointer: there, zero means zero and not "unset". */
function pointerFields(source: string): Set<string> {
  const found = new Set<string>();
  for (const struct of source.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)) {
    for (const field of (struct[2] ?? '').matchAll(/^\t\w+\s+\*\S+\s+`json:"(\w+)/gm))
      found.add(`${struct[1]}.${field[1]}`);
  }
  return found;
}

function readProto(source: string, pack: string, pointers: ReadonlySet<string>, into: Record<string, string[]>): void {
  for (const message of source.matchAll(/^message (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const fields: string[] = [];
    const pattern = /^ {2}(?:(optional|repeated) ([\w.]+)|map<\w+, ([\w.]+)>) (\w+) = (\d+);/gm;
    for (const [, label, type = '', mapValue, name = '', number] of (message[2] ?? '').matchAll(pattern)) {
      const kind = short(mapValue ?? type, pack);
      const isPointer = pointers.has(`${message[1]}.${name}`);
      const prefix = mapValue !== undefined ? '{' : label === 'repeated' ? '[' : isPointer ? '*' : '';
      fields.push(`${number} ${name.replace(/^_/, '')} ${prefix}${kind}`);
    }
    into[`${pack}.${message[1]}`] = fields;
  }
}

/** `.k8s.io.api.core.v1.Pod` → `core.v1.Pod`; names without a package belong to the one they stand in. */
function short(type: string, pack: string): string {
  if (/^(string|bytes|bool|int32|int64|double|uint32|uint64)$/.test(type)) return type;
  return type.includes('.') ? type.split('.').slice(-3).join('.') : `${pack}.${type}`;
}

if (import.meta.main) {
  const plane = await startControlPlane({ controllers: false });
  const client = apiClient(readFileSync(plane.kubeconfig, 'utf8'));
  const write = (name: string, value: unknown): void =>
    writeFileSync(target(name), `${JSON.stringify(value, null, 2)}\n`);
  write('builtin.json', await builtinDefinitions(client));
  write('protobuf.json', protobufMessages(process.argv[2] ?? ''));
  client.close();
  await plane.stop();
}

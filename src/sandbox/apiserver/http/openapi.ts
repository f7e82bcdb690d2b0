/** `/openapi/v3`: one document for each group version, enough for kubectl's `explain`, validation and patches. */
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '../json.ts';
import type { Registry } from '../kinds/registry.ts';
import { apiVersionOf, type Resource } from '../kinds/resource.ts';
import { OBJECT_META } from '../schema/builtin.ts';
import { groupsOf } from './discovery.ts';

const REFERENCE = '#/components/schemas/';

const pathOf = (group: string, version: string): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`;

/** `prefix` stands before every path of the server as the client sees it. */
export function openApiIndex(
  registry: Registry,
  raw: Readonly<Record<string, JsonObject>>,
  prefix: string,
): JsonObject {
  const paths: JsonObject = {};
  for (const { name, versions } of groupsOf(registry)) {
    for (const { version } of versions) {
      const path = pathOf(name, version);
      const document = openApiDocument(registry, raw, name, version);
      const hash = createHash('sha256').update(JSON.stringify(document)).digest('hex').toUpperCase();
      paths[path] = { serverRelativeURL: `${prefix}/openapi/v3/${path}?hash=${hash}` };
    }
  }
  return { paths };
}

export function openApiDocument(
  registry: Registry,
  raw: Readonly<Record<string, JsonObject>>,
  group: string,
  version: string,
): JsonObject {
  const schemas: JsonObject = {};
  const paths: JsonObject = {};
  for (const resource of registry.all()) {
    if (resource.group !== group || resource.version !== version) continue;
    const name = resource.custom ? customName(resource) : builtinName(raw, resource);
    if (name === undefined) continue;
    if (resource.custom) {
      schemas[name] = customSchema(resource);
      include(raw, OBJECT_META, schemas);
    } else include(raw, name, schemas);
    Object.assign(paths, pathsOf(resource));
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.3' },
    paths,
    components: { schemas },
  };
}

const gvkOf = (resource: Resource): JsonObject => ({
  group: resource.group,
  kind: resource.kind,
  version: resource.version,
});

const customName = (resource: Resource): string =>
  `${resource.group.split('.').reverse().join('.')}.${resource.version}.${resource.kind}`;

function builtinName(raw: Readonly<Record<string, JsonObject>>, resource: Resource): string | undefined {
  return Object.keys(raw).find((name) => {
    const kinds = raw[name]?.['x-kubernetes-group-version-kind'];
    return (
      Array.isArray(kinds) &&
      kinds.some((kind) => JSON.stringify(sorted(kind)) === JSON.stringify(sorted(gvkOf(resource))))
    );
  });
}

const sorted = (value: Json): Json =>
  typeof value === 'object' && value !== null
    ? (Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) as Json)
    : value;

function customSchema(resource: Resource): JsonObject {
  const schema = structuredClone(resource.schema ?? {}) as JsonObject;
  const properties = (schema['properties'] ?? {}) as JsonObject;
  return {
    ...schema,
    type: 'object',
    properties: {
      ...properties,
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: 'Which resource this object is.' },
      metadata: { description: 'Standard metadata of an object.', allOf: [{ $ref: REFERENCE + OBJECT_META }] },
    },
    'x-kubernetes-group-version-kind': [gvkOf(resource)],
  };
}

/** Copies a definition and everything that it refers to. */
function include(raw: Readonly<Record<string, JsonObject>>, name: string, into: JsonObject): void {
  const definition = raw[name];
  if (definition === undefined || into[name] !== undefined) return;
  into[name] = definition;
  for (const match of JSON.stringify(definition).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
    include(raw, match[1] ?? '', into);
  }
}

/** kubectl reads from the operations which kinds a path is about, and whether the server validates fields. */
function pathsOf(resource: Resource): JsonObject {
  const base = resource.group === '' ? `/api/${resource.version}` : `/apis/${apiVersionOf(resource)}`;
  const collection = `${base}/${resource.namespaced ? 'namespaces/{namespace}/' : ''}${resource.plural}`;
  const gvk = gvkOf(resource);
  const validation = { name: 'fieldValidation', in: 'query', schema: { type: 'string', uniqueItems: true } };
  const operation = (action: string): JsonObject => ({
    parameters: [validation, { name: 'dryRun', in: 'query', schema: { type: 'string', uniqueItems: true } }],
    responses: { '200': { description: 'OK' } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  });
  return {
    [collection]: { get: operation('list'), post: operation('post') },
    [`${collection}/{name}`]: {
      get: operation('get'),
      put: operation('put'),
      patch: operation('patch'),
      delete: operation('delete'),
    },
  };
}

/** Tables: what `kubectl get` shows. A client asks for one in its Accept header. */
import type { JsonObject } from '../json.ts';
import type { Resource } from '../kinds/resource.ts';
import { asJson, type StoredObject } from '../object.ts';
import { present } from '../objects/context.ts';

export interface TableRequest {
  /** How much of each object a row carries. */
  readonly include: 'None' | 'Metadata' | 'Object';
}

/** `undefined` when the client prefers plain objects. */
export function tableRequest(accept: string | undefined, query: URLSearchParams): TableRequest | undefined {
  const first = (accept ?? '').split(',')[0] ?? '';
  if (!/;\s*as=Table\b/.test(first) || !/g=meta\.k8s\.io/.test(first)) return undefined;
  const include = query.get('includeObject');
  return { include: include === 'None' || include === 'Object' ? include : 'Metadata' };
}

function columnDefinitions(resource: Resource): JsonObject[] {
  return resource.columns.map((column) => ({
    name: column.name,
    type: column.type,
    format: column.format ?? '',
    description: column.description ?? '',
    priority: column.priority,
  }));
}

export function tableOf(
  resource: Resource,
  objects: readonly StoredObject[],
  request: TableRequest,
  metadata: JsonObject,
  nowMs: number,
  withDefinitions: boolean,
): JsonObject {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: withDefinitions ? columnDefinitions(resource) : [],
    rows: objects.map((stored) => rowOf(resource, present(resource, stored), request, nowMs)),
  };
}

function rowOf(resource: Resource, object: StoredObject, { include }: TableRequest, nowMs: number): JsonObject {
  const cells = resource.columns.map((column) => column.cell(object, nowMs));
  if (include === 'None') return { cells };
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: asJson(object)['metadata'] };
  return { cells, object: include === 'Object' ? asJson(object) : partial };
}

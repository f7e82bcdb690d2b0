/** Requests about resources: which of them may be asked, and the ones that only read. */
import { expired, methodNotAllowed, noSuchResource, notFound } from '../failure.ts';
import type { JsonObject } from '../json.ts';
import { apiVersionOf, objectKey } from '../kinds/resource.ts';
import { type Machine, resourceSubject } from '../objects/context.ts';
import { readScale } from '../objects/scale.ts';
import { PageNotFound, type ResourceRequest, sendObject, targetOf } from './call.ts';
import type { RequestVerb } from './faults.ts';
import { listPage, revisionOf } from './list.ts';
import { addWarnings, sendJson, sendJsonText } from './respond.ts';
import type { ResourceRoute } from './route.ts';
import { selectionOf } from './select.ts';
import { listItemText, objectText } from './serialise.ts';
import { tableOf, tableRequest } from './table.ts';
import { startWatch } from './watch.ts';
import { deleteMany, deleteOne, patchCall, post, put } from './writes.ts';

export function verbOf(method: string, route: ResourceRoute, query: URLSearchParams): RequestVerb | undefined {
  const named = route.name !== undefined;
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (named) return 'get';
      return query.get('watch') === 'true' || query.get('watch') === '1' ? 'watch' : 'list';
    case 'POST':
      return named && route.subresource === undefined ? undefined : 'create';
    case 'PUT':
      return named ? 'update' : undefined;
    case 'PATCH':
      return named ? 'patch' : undefined;
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
    default:
      return undefined;
  }
}

export async function handleResource(machine: Machine, call: ResourceRequest): Promise<void> {
  const { resource, route, verb } = call;
  if (!resource.verbs.includes(verb)) throw methodNotAllowed();
  if (resource.namespaced && route.namespace === undefined && !ALL_NAMESPACES.has(verb)) throw methodNotAllowed();
  if (!resource.namespaced && route.namespace !== undefined) throw new PageNotFound();
  checkSubresource(call);
  if (resource.deprecation !== undefined) call.warnings.push(resource.deprecation);
  try {
    await serve(machine, call);
  } catch (thrown) {
    if (!call.response.headersSent) addWarnings(call.response, call.warnings);
    throw thrown;
  }
}

async function serve(machine: Machine, call: ResourceRequest): Promise<void> {
  switch (call.verb) {
    case 'get':
      return get(machine, call);
    case 'list':
      return list(machine, call);
    case 'watch':
      return watch(machine, call);
    case 'create':
      return post(machine, call);
    case 'update':
      return put(machine, call);
    case 'patch':
      return patchCall(machine, call);
    case 'delete':
      return deleteOne(machine, call);
    case 'deletecollection':
      return deleteMany(machine, call);
  }
}

const ALL_NAMESPACES = new Set<RequestVerb>(['list', 'watch', 'deletecollection']);

function checkSubresource({ resource, route, verb }: ResourceRequest): void {
  const { subresource } = route;
  if (subresource === undefined) return;
  const known =
    (subresource === 'status' && resource.hasStatus) ||
    (subresource === 'scale' && resource.scale !== undefined) ||
    (subresource === 'eviction' && resource.kind === 'Pod') ||
    (subresource === 'finalize' && resource.kind === 'Namespace') ||
    (subresource === 'binding' && resource.kind === 'Pod');
  if (!known && resource.custom) throw new PageNotFound();
  if (!known) throw noSuchResource();
  const verbs: readonly RequestVerb[] =
    subresource === 'eviction' || subresource === 'binding'
      ? ['create']
      : subresource === 'finalize'
        ? ['update']
        : ['get', 'patch', 'update'];
  if (!verbs.includes(verb)) throw methodNotAllowed();
}

async function get(machine: Machine, call: ResourceRequest): Promise<void> {
  const { resource, route, response, request, url } = call;
  const target = targetOf(call);
  if (route.subresource === 'scale') {
    sendJson(response, 200, readScale(machine, target));
    return;
  }
  const version = machine.store.get(resource.storage, objectKey(resource, route.namespace, target.name));
  if (version === undefined) throw notFound(resourceSubject(resource, target.name));
  if (tableRequest(request.headers.accept, url.searchParams) === undefined) {
    sendJsonText(response, 200, objectText(resource, version));
  } else sendObject(machine, call, 200, version.object);
}

async function list(machine: Machine, call: ResourceRequest): Promise<void> {
  const { resource, route, response, request, url, fault } = call;
  const query = url.searchParams;
  const asked = revisionOf(query);
  if (fault?.gone === true && ((asked ?? 0) > 0 || query.has('continue')))
    throw expired('the resourceVersion is too old');
  const selection = selectionOf(resource, query, undefined);
  const page = listPage(machine.store, resource, route.namespace, selection, query);
  const metadata: JsonObject = {
    resourceVersion: String(page.revision),
    ...(page.continueToken === undefined ? {} : { continue: page.continueToken }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
  const table = tableRequest(request.headers.accept, query);
  if (table !== undefined) {
    const objects = page.versions.map((version) => version.object);
    sendJson(response, 200, tableOf(resource, objects, table, metadata, machine.nowMs(), true));
    return;
  }
  const head = JSON.stringify({ kind: resource.listKind, apiVersion: apiVersionOf(resource), metadata });
  const items = page.versions.map((version) => listItemText(resource, version)).join(',');
  sendJsonText(response, 200, `${head.slice(0, -1)},"items":[${items}]}`);
}

async function watch(machine: Machine, call: ResourceRequest): Promise<void> {
  const { resource, route, response, request, url, fault } = call;
  const query = url.searchParams;
  if (fault?.gone === true && (revisionOf(query) ?? 0) > 0) throw expired('too old resource version (fault)');
  let forget = (): void => undefined;
  const cut = startWatch(
    machine.store,
    {
      resource,
      namespace: route.namespace,
      selection: selectionOf(resource, query, route.name),
      query,
      table: tableRequest(request.headers.accept, query),
      nowMs: () => machine.nowMs(),
    },
    response,
    () => forget(),
  );
  if (!response.writableEnded) forget = call.onWatch(cut);
}

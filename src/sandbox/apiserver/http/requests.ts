/** Requests about resources: from method, path and query to an operation on objects, and back to an answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse as parseYaml } from 'yaml';
import {
  badRequest,
  expired,
  Failure,
  invalid,
  methodNotAllowed,
  noSuchResource,
  notFound,
  unsupportedMediaType,
} from '../failure.ts';
import { isObject, type Json, type JsonObject, jsonProblem, listAt } from '../json.ts';
import { unsupportedValue } from '../kinds/causes.ts';
import { apiVersionOf, objectKey, type Resource } from '../kinds/resource.ts';
import type { StoredObject } from '../object.ts';
import {
  type Machine,
  present,
  resourceSubject,
  secondsOf,
  type Subresource,
  type Target,
  type WriteOptions,
} from '../objects/context.ts';
import { create } from '../objects/create.ts';
import { APPLY_PATCH, patch } from '../objects/patch.ts';
import { parseDeleteOptions, remove } from '../objects/remove.ts';
import { readScale, writeScale } from '../objects/scale.ts';
import { update } from '../objects/update.ts';
import type { Fault, RequestVerb } from './faults.ts';
import { listPage, revisionOf } from './list.ts';
import { PROTOBUF } from './protobuf.ts';
import { addWarnings, sendJson, sendJsonText } from './respond.ts';
import type { ResourceRoute } from './route.ts';
import { selectionOf } from './select.ts';
import { listItemText, objectText, textOf } from './serialise.ts';
import { tableOf, tableRequest } from './table.ts';
import { type Cut, startWatch } from './watch.ts';

export interface ResourceRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly route: ResourceRoute;
  readonly resource: Resource;
  readonly verb: RequestVerb;
  readonly fault: Fault | undefined;
  /** Told of every watch, so that the server can cut it. */
  readonly onWatch: (cut: Cut) => () => void;
  /** Filled while the request is read; sent with the answer, good or bad. */
  readonly warnings: string[];
  /** The body as text; a protobuf body as JSON. */
  readonly readText: () => Promise<string>;
}

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

/** A path that nothing serves: plain text, not a Status, as on the real server. */
export class PageNotFound extends Error {
  override readonly name = 'PageNotFound';
}

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

const targetOf = ({ resource, route }: ResourceRequest): Target => ({
  resource,
  namespace: route.namespace,
  name: route.name ?? '',
});

function optionsOf(call: ResourceRequest): WriteOptions {
  const { url, request, route } = call;
  const query = url.searchParams;
  const validation = query.get('fieldValidation') ?? 'Warn';
  if (!FIELD_VALIDATION.includes(validation)) {
    const kind = OPTIONS_KIND[request.method ?? ''] ?? 'PatchOptions';
    throw invalid({ group: 'meta.k8s.io', kind, name: '' }, [
      unsupportedValue('fieldValidation', validation, FIELD_VALIDATION),
    ]);
  }
  const agent = (request.headers['user-agent'] ?? '').split('/')[0] ?? '';
  const isApply = mediaTypeOf(request) === APPLY_PATCH;
  const subresource = route.subresource;
  return {
    fieldManager: query.get('fieldManager') ?? (isApply ? '' : agent.slice(0, 128)),
    fieldValidation: validation === 'Strict' || validation === 'Ignore' ? validation : 'Warn',
    dryRun: query.get('dryRun') === 'All',
    force: query.get('force') === 'true',
    subresource: subresource === 'status' || subresource === 'scale' ? (subresource satisfies Subresource) : '',
    warnings: call.warnings,
  };
}

const OPTIONS_KIND: Readonly<Record<string, string>> = { POST: 'CreateOptions', PUT: 'UpdateOptions' };
const FIELD_VALIDATION = ['', 'Ignore', 'Strict', 'Warn'];

function mediaTypeOf(request: IncomingMessage): string {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return type === PROTOBUF ? 'application/json' : type;
}

async function readObject({ request, readText }: ResourceRequest, kind = ''): Promise<JsonObject> {
  const text = await readText();
  if (text.trim() === '') return {};
  const value = decodeBody(text, mediaTypeOf(request), kind);
  if (!isObject(value)) throw badRequest('the body of the request is not an object');
  return value;
}

const BODY_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

function decodeBody(text: string, mediaType: string, kind: string): unknown {
  if (mediaType !== '' && mediaType !== 'application/json' && !mediaType.includes('yaml')) {
    throw unsupportedMediaType(BODY_TYPES);
  }
  try {
    return mediaType.includes('yaml') ? parseYaml(text, { version: '1.1' }) : JSON.parse(text);
  } catch (thrown) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${jsonProblem(thrown)} (${text.slice(0, 64)})`,
    );
  }
}

/** Answers with one object, as a table row if the client wants that. */
function sendObject(machine: Machine, call: ResourceRequest, code: number, stored: StoredObject): void {
  const { resource, request, response, url } = call;
  addWarnings(response, call.warnings);
  if (call.fault?.dropAfterWrite === true) {
    response.destroy();
    return;
  }
  const table = tableRequest(request.headers.accept, url.searchParams);
  if (table === undefined) sendJsonText(response, code, textOf(resource, present(resource, stored)));
  else {
    const metadata = { resourceVersion: stored.metadata.resourceVersion ?? '' };
    sendJson(response, code, tableOf(resource, [stored], table, metadata, machine.nowMs(), true));
  }
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

async function post(machine: Machine, call: ResourceRequest): Promise<void> {
  const { resource, route, response } = call;
  const body = await readObject(call, resource.kind);
  const options = optionsOf(call);
  if (route.subresource === 'eviction') {
    remove(
      machine,
      targetOf(call),
      parseDeleteOptions(isObject(body['deleteOptions']) ? body['deleteOptions'] : {}, call.url.searchParams),
    );
    sendJson(response, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
    return;
  }
  if (route.subresource === 'binding') {
    bind(machine, call, body);
    return;
  }
  const object = create(machine, resource, route.namespace, body, options);
  sendObject(machine, call, 201, object);
}

/** The scheduler's way to give a pod a node. */
function bind(machine: Machine, call: ResourceRequest, body: JsonObject): void {
  const target = targetOf(call);
  const node = isObject(body['target']) ? body['target']['name'] : undefined;
  const key = objectKey(target.resource, target.namespace, target.name);
  const stored = machine.store.get(target.resource.storage, key)?.object;
  if (stored === undefined) throw notFound(resourceSubject(target.resource, target.name));
  if (typeof node !== 'string' || node === '') throw badRequest('target.name: Required value');
  const spec = isObject(stored.spec) ? stored.spec : {};
  if (typeof spec['nodeName'] === 'string' && spec['nodeName'] !== '') {
    throw new Failure(
      409,
      'Conflict',
      `Operation cannot be fulfilled on pods/binding "${target.name}": pod ${target.name} is already assigned to node ${JSON.stringify(spec['nodeName'])}`,
    );
  }
  machine.store.put(target.resource.storage, key, {
    ...stored,
    metadata: { ...stored.metadata },
    spec: { ...spec, nodeName: node },
    status: scheduled(machine, stored),
  });
  sendJson(call.response, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
}

/** Status with the condition that the pod has a node. */
function scheduled(machine: Machine, pod: StoredObject): JsonObject {
  const status = isObject(pod.status) ? pod.status : {};
  const others = listAt(status, 'conditions').filter((item) => !isObject(item) || item['type'] !== 'PodScheduled');
  const condition = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: secondsOf(machine.nowMs()),
  };
  return { ...status, conditions: [...others, condition] };
}

async function put(machine: Machine, call: ResourceRequest): Promise<void> {
  const { route, response } = call;
  const body = await readObject(call);
  const options = optionsOf(call);
  const target = targetOf(call);
  if (route.subresource === 'scale') {
    sendJson(response, 200, writeScale(machine, target, undefined, body, options));
    return;
  }
  if (route.subresource === 'finalize') {
    sendObject(machine, call, 200, finalize(machine, target, body));
    return;
  }
  const { object, created } = update(machine, target, body, options);
  sendObject(machine, call, created ? 201 : 200, object);
}

/** A namespace's own finalizers live in its spec and change only here. */
function finalize(machine: Machine, { resource, name }: Target, body: JsonObject): StoredObject {
  const stored = machine.store.get(resource.storage, name)?.object;
  if (stored === undefined) throw notFound(resourceSubject(resource, name));
  const next = { ...stored, metadata: { ...stored.metadata }, spec: (body['spec'] as Json | undefined) ?? {} };
  const left = isObject(next.spec) && Array.isArray(next.spec['finalizers']) ? next.spec['finalizers'].length : 0;
  const held = left > 0 || (stored.metadata.finalizers ?? []).length > 0;
  if (stored.metadata.deletionTimestamp !== undefined && !held) {
    machine.store.remove(resource.storage, name, next);
    return next;
  }
  return machine.store.put(resource.storage, name, next).object;
}

async function patchCall(machine: Machine, call: ResourceRequest): Promise<void> {
  const { route, request, response, url } = call;
  const text = await call.readText();
  const options = optionsOf(call);
  const target = targetOf(call);
  const mediaType = mediaTypeOf(request);
  if (route.subresource === 'scale') {
    const body: unknown = parseYaml(text);
    sendJson(response, 200, writeScale(machine, target, mediaType, body as Json, options));
    return;
  }
  if (url.searchParams.has('force') && mediaType !== APPLY_PATCH) {
    throw new Failure(
      422,
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
      {
        group: 'meta.k8s.io',
        kind: 'PatchOptions',
        causes: [
          {
            reason: 'FieldValueForbidden',
            message: 'Forbidden: may not be specified for non-apply patch',
            field: 'force',
          },
        ],
      },
    );
  }
  const { object, created } = patch(machine, target, mediaType, text, options);
  sendObject(machine, call, created ? 201 : 200, object);
}

async function deleteOne(machine: Machine, call: ResourceRequest): Promise<void> {
  const { resource, response, url, route } = call;
  if (route.subresource !== undefined) throw methodNotAllowed();
  const target = targetOf(call);
  const { object, gone } = remove(machine, target, parseDeleteOptions(await readObject(call), url.searchParams));
  if (!gone || resource.returnsDeleted) {
    sendObject(machine, call, 200, object);
    return;
  }
  if (call.fault?.dropAfterWrite === true) response.destroy();
  else sendJson(response, 200, deletedStatus(resource, target.name, object));
}

const deletedStatus = (resource: Resource, name: string, object: StoredObject): JsonObject => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details: {
    name,
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
    uid: object.metadata.uid ?? '',
  },
});

async function deleteMany(machine: Machine, call: ResourceRequest): Promise<void> {
  const { resource, route, response, url } = call;
  const options = parseDeleteOptions(await readObject(call), url.searchParams);
  const selection = selectionOf(resource, url.searchParams, undefined);
  const page = listPage(machine.store, resource, route.namespace, selection, new URLSearchParams());
  const items = page.versions.map((version) => {
    const { name, namespace } = version.object.metadata;
    const { object } = remove(machine, { resource, namespace, name }, options);
    return textOf(resource, present(resource, object));
  });
  const head = {
    kind: resource.listKind,
    apiVersion: apiVersionOf(resource),
    metadata: { resourceVersion: String(machine.store.revision) },
  };
  sendJsonText(response, 200, `${JSON.stringify(head).slice(0, -1)},"items":[${items.join(',')}]}`);
}

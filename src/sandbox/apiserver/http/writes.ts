/** Requests that change objects: POST, PUT, PATCH and DELETE, and the subresources that are no plain writes. */
import { parse as parseYaml } from 'yaml';
import { badRequest, Failure, methodNotAllowed, notFound } from '../failure.ts';
import { isObject, type Json, type JsonObject, listAt } from '../json.ts';
import { apiVersionOf, objectKey, type Resource } from '../kinds/resource.ts';
import type { StoredObject } from '../object.ts';
import { type Machine, present, resourceSubject, secondsOf, type Target } from '../objects/context.ts';
import { create } from '../objects/create.ts';
import { APPLY_PATCH, patch } from '../objects/patch.ts';
import { parseDeleteOptions, remove } from '../objects/remove.ts';
import { writeScale } from '../objects/scale.ts';
import { update } from '../objects/update.ts';
import { mediaTypeOf, optionsOf, readObject, type ResourceRequest, sendObject, targetOf } from './call.ts';
import { listPage } from './list.ts';
import { sendJson, sendJsonText } from './respond.ts';
import { selectionOf } from './select.ts';
import { textOf } from './serialise.ts';

export async function post(machine: Machine, call: ResourceRequest): Promise<void> {
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

export async function put(machine: Machine, call: ResourceRequest): Promise<void> {
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

export async function patchCall(machine: Machine, call: ResourceRequest): Promise<void> {
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

export async function deleteOne(machine: Machine, call: ResourceRequest): Promise<void> {
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

export async function deleteMany(machine: Machine, call: ResourceRequest): Promise<void> {
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

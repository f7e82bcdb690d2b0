/** The common end of PUT and PATCH: preconditions, what the endpoint may change, checks, generation, ownership, storage. */
import { badRequest, conflict, invalid, MODIFIED } from '../failure.ts';
import { equalJson, type Json } from '../json.ts';
import { invalidValue } from '../kinds/causes.ts';
import { checkMetadata, checkMetadataUpdate } from '../kinds/metadata-check.ts';
import { objectKey, type Resource } from '../kinds/resource.ts';
import { asJson, copyObject, type StoredObject } from '../object.ts';
import {
  kindSubject,
  type Machine,
  present,
  resourceSubject,
  type Target,
  toStored,
  type WriteOptions,
} from './context.ts';
import { isNoop } from './ownership.ts';

export interface Commit {
  readonly target: Target;
  /** As stored. */
  readonly before: StoredObject;
  /** As the client wants it, decoded; owned by this call. */
  readonly next: StoredObject;
  readonly options: WriteOptions;
  /** PUT without a resourceVersion is refused for some kinds; a patch never needs one. */
  readonly unconditional: boolean;
  readonly own: (object: StoredObject, before: StoredObject) => void;
}

/** Returns the object as stored; the one before when nothing changed. */
export function commit(machine: Machine, { target, before, next, options, unconditional, own }: Commit): StoredObject {
  const { resource, name } = target;
  checkIdentity(target, next);
  checkPreconditions(resource, before, next, unconditional);
  const shown = present(resource, before);
  resource.applyDefaults(next);
  own(next, shown);
  const object = options.subresource === 'status' ? withStatus(resource, shown, next) : withSpec(resource, shown, next);
  keepServerFields(object, shown);
  resource.prepareUpdate(object, shown);
  if (options.subresource !== 'status') setGeneration(resource, object, shown);
  const causes = [
    ...checkMetadata(resource, object),
    ...checkMetadataUpdate(object, shown),
    ...resource.check(object, shown),
  ];
  if (causes.length > 0) throw invalid(kindSubject(resource, name), causes);
  const stored = toStored(resource, object);
  if (options.dryRun || isNoop(before, stored)) return options.dryRun ? stored : before;
  const key = objectKey(resource, target.namespace, name);
  if (deletionComplete(stored)) {
    machine.store.remove(resource.storage, key, stored);
    return stored;
  }
  return machine.store.put(resource.storage, key, stored).object;
}

function checkIdentity({ resource, name, namespace }: Target, next: StoredObject): void {
  const given = next.metadata.name ?? '';
  if (given === '') {
    throw badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  }
  if (given !== name) {
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  }
  const place = next.metadata.namespace ?? '';
  if (resource.namespaced && place !== '' && place !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

function checkPreconditions(
  resource: Resource,
  before: StoredObject,
  next: StoredObject,
  unconditional: boolean,
): void {
  const { resourceVersion = '', uid = '' } = next.metadata;
  const subject = resourceSubject(resource, before.metadata.name);
  if (uid !== '' && uid !== before.metadata.uid) {
    if (unconditional) {
      throw invalid(kindSubject(resource, before.metadata.name), [
        invalidValue('metadata.uid', uid, 'field is immutable'),
      ]);
    }
    throw conflict(
      { ...subject },
      `StorageError: invalid object, Code: 4, Key: ${storageText(resource, before)}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${before.metadata.uid ?? ''}`,
    );
  }
  if (resourceVersion === '' || resourceVersion === '0') {
    if (unconditional || resource.unconditionalUpdate) return;
    throw invalid(resourceSubject(resource, before.metadata.name), [
      invalidValue('metadata.resourceVersion', 0, 'must be specified for an update'),
    ]);
  }
  if (resourceVersion !== before.metadata.resourceVersion) throw conflict(subject, MODIFIED);
}

/** The status endpoint changes status alone; of the built-in kinds it leaves some metadata writable. */
function withStatus(resource: Resource, before: StoredObject, next: StoredObject): StoredObject {
  const object = resource.custom ? copyObject(before) : { ...next };
  if (resource.custom && next.metadata.managedFields !== undefined) {
    object.metadata.managedFields = next.metadata.managedFields;
  }
  if (before.spec === undefined) delete object.spec;
  else object.spec = structuredClone(before.spec);
  for (const field of resource.statusKeeps) {
    const value = before.metadata[field];
    if (value === undefined) delete object.metadata[field];
    else Object.assign(object.metadata, { [field]: structuredClone(value) });
  }
  if (next.status === undefined) delete object.status;
  else object.status = next.status;
  return object;
}

/** The main endpoint changes everything but status, where status has an endpoint of its own. */
function withSpec(resource: Resource, before: StoredObject, next: StoredObject): StoredObject {
  if (!resource.hasStatus) return next;
  if (before.status === undefined) delete next.status;
  else next.status = structuredClone(before.status);
  return next;
}

/** The key under which the real server would have it in etcd. */
function storageText(resource: Resource, { metadata }: StoredObject): string {
  const group = resource.custom ? `${resource.group}/` : '';
  const namespace = metadata.namespace === undefined ? '' : `${metadata.namespace}/`;
  return `/registry/${group}${resource.plural}/${namespace}${metadata.name}`;
}

function keepServerFields(object: StoredObject, before: StoredObject): void {
  const { metadata } = object;
  for (const field of ['uid', 'creationTimestamp', 'generation', 'namespace', 'deletionTimestamp'] as const) {
    const value = before.metadata[field];
    if (value === undefined) delete metadata[field];
    else Object.assign(metadata, { [field]: value });
  }
  const grace = before.metadata.deletionGracePeriodSeconds;
  if (grace === undefined) delete metadata.deletionGracePeriodSeconds;
  else metadata.deletionGracePeriodSeconds = grace;
  metadata.resourceVersion = before.metadata.resourceVersion ?? '';
  for (const field of ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const) {
    const value = metadata[field];
    if (value !== undefined && Object.keys(value).length === 0) delete metadata[field];
  }
}

function setGeneration(resource: Resource, object: StoredObject, before: StoredObject): void {
  const generation = before.metadata.generation;
  if (resource.generation === 'none' || generation === undefined) return;
  const changed =
    resource.generation === 'spec'
      ? !equalJson(specOf(object), specOf(before)) || deploymentNoted(object, before)
      : !equalJson(content(resource, object), content(resource, before));
  object.metadata.generation = changed ? generation + 1 : generation;
}

/** A Deployment's annotations count too: its controller copies them to replica sets. */
const deploymentNoted = (object: StoredObject, before: StoredObject): boolean =>
  object.kind === 'Deployment' && !equalJson(object.metadata.annotations, before.metadata.annotations);

/** Kinds without a spec (EndpointSlice) are all spec. */
function specOf(object: StoredObject): Json | undefined {
  if (object.spec !== undefined) return object.spec;
  const { metadata, ...rest } = asJson(object);
  const labels = (metadata as { labels?: Json }).labels;
  return { ...rest, ...(labels === undefined ? {} : { labels }) };
}

function content(resource: Resource, object: StoredObject): Json {
  const { metadata: _, ...rest } = asJson(object);
  if (resource.hasStatus) delete rest['status'];
  return rest;
}

/** True when the last finalizer of a deleted object went and no kubelet is still busy with it. */
export function deletionComplete(object: StoredObject): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  return deletionTimestamp !== undefined && finalizers.length === 0 && deletionGracePeriodSeconds === 0;
}

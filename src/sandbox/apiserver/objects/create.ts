/** POST, and every other way in which an object comes into being. */
import { alreadyExists, badRequest, invalid, plainError } from '../failure.ts';
import type { JsonObject } from '../json.ts';
import { checkMetadata } from '../kinds/metadata-check.ts';
import { objectKey, type Resource } from '../kinds/resource.ts';
import type { StoredObject } from '../object.ts';
import { kindSubject, type Machine, resourceSubject, secondsOf, toStored, type WriteOptions } from './context.ts';
import { decode } from './decode.ts';
import { requireLivingDefinition, requireNamespace } from './namespace-check.ts';
import { recordUpdate } from './ownership.ts';

export function create(
  machine: Machine,
  resource: Resource,
  namespace: string | undefined,
  body: JsonObject,
  options: WriteOptions,
): StoredObject {
  const object = decode(machine, resource, body, options);
  return insert(machine, resource, namespace, object, options, (made) =>
    recordUpdate(machine, resource, undefined, made, options),
  );
}

/**
 * Completes, checks and stores a decoded object, and returns it as stored. `own` sets its managedFields: after the defaults, which
 * belong to whoever left them out, and before what the server allocates, which belongs to nobody.
 */
export function insert(
  machine: Machine,
  resource: Resource,
  namespace: string | undefined,
  object: StoredObject,
  options: WriteOptions,
  own: (object: StoredObject) => void,
): StoredObject {
  placeInNamespace(resource, object, namespace);
  if ((object.metadata.resourceVersion ?? '') !== '') {
    throw plainError('resourceVersion should not be set on objects to be created');
  }
  if ((object.metadata.name ?? '') === '' && (object.metadata.generateName ?? '') !== '') {
    object.metadata.name = `${object.metadata.generateName}${machine.newSuffix()}`;
  }
  const name = object.metadata.name ?? '';
  if (resource.custom) requireLivingDefinition(machine, resource);
  if (resource.namespaced) requireNamespace(machine, resource, object.metadata.namespace ?? '', name);
  stamp(machine, resource, object);
  resource.applyDefaults(object);
  own(object);
  if (resource.hasStatus) delete object.status;
  resource.prepareCreate(object, machine.nowMs());
  const causes = [...checkMetadata(resource, object), ...resource.check(object, undefined)];
  if (causes.length > 0) throw invalid(kindSubject(resource, name), causes);
  const stored = toStored(resource, object);
  const key = objectKey(resource, object.metadata.namespace, name);
  if (machine.store.get(resource.storage, key) !== undefined) throw alreadyExists(resourceSubject(resource, name));
  if (options.dryRun) return stored;
  return machine.store.put(resource.storage, key, stored).object;
}

function placeInNamespace(resource: Resource, object: StoredObject, namespace: string | undefined): void {
  if (!resource.namespaced) {
    if ((object.metadata.namespace ?? '') !== '') delete object.metadata.namespace;
    return;
  }
  const given = object.metadata.namespace ?? '';
  if (namespace === undefined) throw badRequest('an empty namespace may not be set during creation');
  if (given !== '' && given !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  object.metadata.namespace = namespace;
}

/** The fields of metadata that are the server's. */
function stamp(machine: Machine, resource: Resource, object: StoredObject): void {
  const { metadata } = object;
  metadata.uid = machine.newUid();
  metadata.creationTimestamp = secondsOf(machine.nowMs());
  if (resource.generation === 'none') delete metadata.generation;
  else metadata.generation = 1;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.resourceVersion;
}

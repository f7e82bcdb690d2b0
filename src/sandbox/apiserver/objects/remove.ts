/** DELETE: at once, after a grace period, or when the last finalizer has gone. */
import { conflict, invalid, notFound } from '../failure.ts';
import { isObject, type JsonObject, numberAt, textAt } from '../json.ts';
import { unsupportedValue } from '../kinds/causes.ts';
import { objectKey } from '../kinds/resource.ts';
import { copyObject, type StoredObject } from '../object.ts';
import { kindSubject, type Machine, resourceSubject, secondsOf, type Target } from './context.ts';

export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagation: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
}

export interface Removed {
  /** As stored: its last state. */
  readonly object: StoredObject;
  /** False while finalizers or a grace period keep it. */
  readonly gone: boolean;
}

const PROPAGATION = ['Foreground', 'Background', 'Orphan'] as const;

export function parseDeleteOptions(body: JsonObject, query: URLSearchParams): DeleteOptions {
  const graceText = query.get('gracePeriodSeconds');
  const propagation = textAt(body, 'propagationPolicy') ?? query.get('propagationPolicy') ?? undefined;
  const known = PROPAGATION.find((policy) => policy === propagation);
  if (propagation !== undefined && known === undefined) {
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions', name: '' }, [
      unsupportedValue('propagationPolicy', propagation, ['Foreground', 'Background', 'Orphan', 'nil']),
    ]);
  }
  const orphans = body['orphanDependents'] === true ? ('Orphan' as const) : undefined;
  const dryRun = query.get('dryRun') === 'All' || (Array.isArray(body['dryRun']) && body['dryRun'].includes('All'));
  return {
    gracePeriodSeconds: numberAt(body, 'gracePeriodSeconds') ?? (graceText === null ? undefined : Number(graceText)),
    propagation: known ?? orphans,
    uid: textAt(body, 'preconditions', 'uid'),
    resourceVersion: textAt(body, 'preconditions', 'resourceVersion'),
    dryRun,
  };
}

export function remove(machine: Machine, target: Target, options: DeleteOptions): Removed {
  const { resource, namespace, name } = target;
  const key = objectKey(resource, namespace, name);
  const stored = machine.store.get(resource.storage, key)?.object;
  if (stored === undefined) throw notFound(resourceSubject(resource, name));
  checkPreconditions(target, stored, options);
  const next = copyObject(stored);
  addPropagationFinalizer(next, options);
  const isDefinition = resource.kind === 'CustomResourceDefinition' && resource.group === 'apiextensions.k8s.io';
  if (isDefinition && stored.metadata.deletionTimestamp === undefined) addCleanup(next);
  const isNamespace = resource.kind === 'Namespace' && resource.group === '';
  const grace = resource.gracePeriodSeconds?.(stored, options.gracePeriodSeconds) ?? 0;
  const pending = (next.metadata.finalizers ?? []).length > 0 || (isNamespace && hasSpecFinalizers(next));
  const alreadyDeleting = stored.metadata.deletionTimestamp !== undefined;
  const remaining = stored.metadata.deletionGracePeriodSeconds ?? 0;
  if (alreadyDeleting && (pending || grace > 0) && !(grace < remaining)) {
    if (remaining > 0 || pending) return { object: stored, gone: false };
  }
  if (!pending && grace === 0) {
    if (alreadyDeleting) next.metadata.deletionGracePeriodSeconds = 0;
    if (!options.dryRun) machine.store.remove(resource.storage, key, next);
    return { object: next, gone: true };
  }
  markDeleted(machine, next, grace, alreadyDeleting);
  if (isNamespace && isObject(next.status)) next.status = { ...next.status, phase: 'Terminating' };
  if (options.dryRun) return { object: next, gone: false };
  return { object: machine.store.put(resource.storage, key, next).object, gone: false };
}

function checkPreconditions({ resource, name }: Target, stored: StoredObject, options: DeleteOptions): void {
  const subject = kindSubject({ ...resource, group: '' }, name);
  const { uid = '', resourceVersion = '' } = stored.metadata;
  if (options.uid !== undefined && options.uid !== uid) {
    throw conflict(
      subject,
      `the UID in the precondition (${options.uid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    );
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== resourceVersion) {
    throw conflict(
      subject,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${resourceVersion}). The object might have been modified`,
    );
  }
}

/** The garbage collector acts on these two. */
function addPropagationFinalizer(object: StoredObject, options: DeleteOptions): void {
  const wanted =
    options.propagation === 'Foreground'
      ? 'foregroundDeletion'
      : options.propagation === 'Orphan'
        ? 'orphan'
        : undefined;
  const others = (object.metadata.finalizers ?? []).filter(
    (name) => options.propagation === undefined || (name !== 'foregroundDeletion' && name !== 'orphan'),
  );
  const finalizers = wanted === undefined ? others : [...others, wanted];
  if (finalizers.length === 0) delete object.metadata.finalizers;
  else object.metadata.finalizers = finalizers;
}

/** The finalizer under which the instances of a definition are deleted first. */
export const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';

function addCleanup(definition: StoredObject): void {
  const others = (definition.metadata.finalizers ?? []).filter((name) => name !== CLEANUP);
  definition.metadata.finalizers = [...others, CLEANUP];
}

function hasSpecFinalizers(object: StoredObject): boolean {
  const finalizers = isObject(object.spec) ? object.spec['finalizers'] : undefined;
  return Array.isArray(finalizers) && finalizers.length > 0;
}

function markDeleted(machine: Machine, object: StoredObject, graceSeconds: number, alreadyDeleting: boolean): void {
  const { metadata } = object;
  const before = Date.parse(metadata.deletionTimestamp ?? '') - (metadata.deletionGracePeriodSeconds ?? 0) * 1000;
  const startMs = alreadyDeleting && !Number.isNaN(before) ? before : machine.nowMs();
  metadata.deletionTimestamp = secondsOf(
    Math.max(startMs + graceSeconds * 1000, alreadyDeleting ? machine.nowMs() : 0),
  );
  metadata.deletionGracePeriodSeconds = graceSeconds;
  const counts = metadata.generation !== undefined && object.kind !== 'CustomResourceDefinition';
  if (!alreadyDeleting && counts) metadata.generation = (metadata.generation ?? 0) + 1;
}

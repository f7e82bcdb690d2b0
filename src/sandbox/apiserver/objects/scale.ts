/** The scale subresource: `autoscaling/v1` Scale in front of a replica count. */
import { badRequest, invalid, notFound } from '../failure.ts';
import {
  isObject,
  type Json,
  type JsonObject,
  listAt,
  numberAt,
  setAt,
  textAt,
  textMap,
  textsAt,
  valueAt,
} from '../json.ts';
import { invalidValue } from '../kinds/causes.ts';
import { objectKey } from '../kinds/resource.ts';
import { asJson, type StoredObject } from '../object.ts';
import { JSON_PATCH, MERGE_PATCH, patched, STRATEGIC_MERGE_PATCH, commitPatch } from './patch.ts';
import { type Machine, present, resourceSubject, type Target, type WriteOptions } from './context.ts';

export function readScale(machine: Machine, target: Target): JsonObject {
  return scaleOf(target, present(target.resource, find(machine, target)));
}

function find(machine: Machine, { resource, namespace, name }: Target): StoredObject {
  const stored = machine.store.get(resource.storage, objectKey(resource, namespace, name));
  if (stored === undefined || resource.scale === undefined) throw notFound(resourceSubject(resource, name));
  return stored.object;
}

function scaleOf({ resource }: Target, object: StoredObject): JsonObject {
  const { scale } = resource;
  if (scale === undefined) return {};
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = scale.selector === undefined ? undefined : selectorText(valueAt(asJson(object), ...scale.selector));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp: creationTimestamp ?? null },
    spec: { replicas: numberAt(asJson(object), ...scale.specReplicas) ?? 0 },
    status: {
      replicas: numberAt(asJson(object), ...scale.statusReplicas) ?? 0,
      ...(selector === undefined || selector === '' ? {} : { selector }),
    },
  };
}

function selectorText(selector: Json | undefined): string {
  if (typeof selector === 'string') return selector;
  const equal = Object.entries(textMap(valueAt(selector, 'matchLabels'))).map(([key, value]) => `${key}=${value}`);
  const expressions = listAt(selector, 'matchExpressions').map((expression) => {
    const key = textAt(expression, 'key') ?? '';
    const values = textsAt(expression, 'values').join(',');
    switch (textAt(expression, 'operator') ?? '') {
      case 'In':
        return `${key} in (${values})`;
      case 'NotIn':
        return `${key} notin (${values})`;
      case 'Exists':
        return key;
      default:
        return `!${key}`;
    }
  });
  return [...equal.sort(), ...expressions].join(',');
}

/** PUT or PATCH of a Scale; `mediaType` is undefined for PUT. Returns the Scale as it is afterwards. */
export function writeScale(
  machine: Machine,
  target: Target,
  mediaType: string | undefined,
  body: Json,
  options: WriteOptions,
): JsonObject {
  const before = find(machine, target);
  const shown = present(target.resource, before);
  const wanted = mediaType === undefined ? body : patchScale(scaleOf(target, shown), mediaType, body);
  if (!isObject(wanted)) throw badRequest('the Scale in the request is not an object');
  const replicas = numberAt(wanted, 'spec', 'replicas') ?? 0;
  if (!Number.isInteger(replicas)) throw badRequest('spec.replicas of a Scale must be an integer');
  if (replicas < 0) {
    throw invalid({ group: 'autoscaling', kind: 'Scale', name: target.name }, [
      invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0'),
    ]);
  }
  const next = structuredClone(asJson(shown));
  if (target.resource.scale !== undefined) setAt(next, target.resource.scale.specReplicas, replicas);
  const version = textAt(wanted, 'metadata', 'resourceVersion') ?? '';
  if (mediaType === undefined && version !== '') setAt(next, ['metadata', 'resourceVersion'], version);
  return scaleOf(target, present(target.resource, commitPatch(machine, target, before, next, options)));
}

function patchScale(scale: JsonObject, mediaType: string, body: Json): Json {
  const supported = [JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH];
  const type = supported.includes(mediaType) ? mediaType : MERGE_PATCH;
  return patched(SCALE_RESOURCE, scale, type === STRATEGIC_MERGE_PATCH ? MERGE_PATCH : type, body);
}

/** Only `schema` is read of it: a Scale has no merged lists. */
const SCALE_RESOURCE = { schema: undefined };

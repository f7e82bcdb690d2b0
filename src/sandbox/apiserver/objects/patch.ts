/** PATCH in its four forms. Server-side apply also creates; the others need the object to exist. */
import { parse as parseYaml } from 'yaml';
import { badRequest, Failure, invalid, notFound, unsupportedMediaType } from '../failure.ts';
import { isObject, type Json, type JsonObject, jsonProblem } from '../json.ts';
import { invalidValue } from '../kinds/causes.ts';
import { objectKey, type Resource } from '../kinds/resource.ts';
import { asJson, type StoredObject } from '../object.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { strategicMerge } from '../patch/strategic-merge.ts';
import { apply } from './apply.ts';
import { commit } from './commit.ts';
import { type Machine, present, resourceSubject, type Target, type WriteOptions } from './context.ts';
import { decodeContent, DecodeProblem } from './decode.ts';
import { recordUpdate } from './ownership.ts';
import type { Updated } from './update.ts';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

function acceptedPatches(resource: Resource): string[] {
  return resource.custom
    ? [JSON_PATCH, MERGE_PATCH, APPLY_PATCH, 'application/apply-patch+cbor']
    : [JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH, 'application/apply-patch+cbor'];
}

export function patch(
  machine: Machine,
  target: Target,
  mediaType: string,
  text: string,
  options: WriteOptions,
): Updated {
  const { resource, namespace, name } = target;
  if (!acceptedPatches(resource).includes(mediaType) || mediaType.endsWith('cbor')) {
    if (resource.custom) throw unsupportedMediaType([JSON_PATCH, MERGE_PATCH, APPLY_PATCH]);
    throw new Failure(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
  }
  const stored = machine.store.get(resource.storage, objectKey(resource, namespace, name));
  if (mediaType === APPLY_PATCH) return apply(machine, target, stored?.object, readApply(text), options);
  if (stored === undefined) throw notFound(resourceSubject(resource, name));
  const live = asJson(present(resource, stored.object));
  const next = patched(resource, live, mediaType, readPatch(text));
  return { object: commitPatch(machine, target, stored.object, next, options), created: false };
}

/** Stores a patched object; shared with the scale subresource. */
export function commitPatch(
  machine: Machine,
  target: Target,
  before: StoredObject,
  next: JsonObject,
  options: WriteOptions,
): StoredObject {
  return commit(machine, {
    target,
    before,
    next: decodePatched(machine, target, next, options),
    options,
    unconditional: true,
    own: (made, live) => recordUpdate(machine, target.resource, live, made, options),
  });
}

/** A patch whose result is no object of the kind: 422, with the result that the server could not read. */
function decodePatched(machine: Machine, target: Target, next: JsonObject, options: WriteOptions): StoredObject {
  const text = JSON.stringify(next);
  try {
    return decodeContent(machine, target.resource, next, options);
  } catch (thrown) {
    if (!(thrown instanceof DecodeProblem)) throw thrown;
    throw invalid({ group: '', kind: '', name: '' }, [invalidValue('patch', text, thrown.message)]);
  }
}

export function patched(
  resource: Pick<Resource, 'schema'>,
  live: JsonObject,
  mediaType: string,
  body: Json,
): JsonObject {
  if (mediaType === JSON_PATCH) return jsonPatch(live, body);
  if (!isObject(body)) {
    const found = Array.isArray(body) ? 'array' : typeof body;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
    );
  }
  if (mediaType === STRATEGIC_MERGE_PATCH) return structuredClone(strategicMerge(live, body, resource.schema));
  const result = structuredClone(mergePatch(live, body));
  if (!isObject(result)) throw badRequest('the patch does not describe an object');
  return result;
}

function readPatch(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (thrown) {
    throw badRequest(`error decoding patch: ${jsonProblem(thrown)}`);
  }
}

function readApply(text: string): JsonObject {
  let value: unknown;
  try {
    value = parseYaml(text, { version: '1.1' });
  } catch (thrown) {
    throw badRequest(`error decoding YAML: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
  if (!isObject(value)) throw badRequest('error decoding YAML: the configuration is not an object');
  return value;
}

/** JSON patch (RFC 6902) with the answers of the real server: a patch that cannot be read is 400, one that does not fit is 422. */
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import { badRequest, Failure } from '../failure.ts';
import { isObject, type Json, type JsonObject } from '../json.ts';

const MAX_OPERATIONS = 10_000;
const OPERATIONS = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

export function jsonPatch(target: JsonObject, patch: Json): JsonObject {
  if (!Array.isArray(patch)) {
    throw badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  }
  if (patch.length > MAX_OPERATIONS) {
    throw new Failure(
      413,
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`,
    );
  }
  for (const operation of patch) {
    if (!isObject(operation) || !OPERATIONS.has(String(operation['op']))) throw misfit();
  }
  try {
    const result = fastJsonPatch.applyPatch(structuredClone(target), patch as unknown as Operation[], true, true, true);
    const document: unknown = result.newDocument;
    if (isObject(document)) return document;
  } catch {
    throw misfit();
  }
  throw misfit();
}

const misfit = (): Failure =>
  new Failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {});

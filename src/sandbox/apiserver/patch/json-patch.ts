/** JSON patch (RFC 6902) with the answers of the real server: a patch that cannot be read is 400, one that does not fit is 422. */
import fastJsonPatch, { type Operation } from 'fast-json-patch';
import { badRequest, Failure } from '../failure.ts';
import { isObject, type Json, type JsonObject, textAt, valueAt } from '../json.ts';

const MAX_OPERATIONS = 10_000;
const OPERATIONS = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

export function jsonPatch(target: JsonObject, patch: Json): JsonObject {
  if (!Array.isArray(patch)) {
    const found = isObject(patch) ? 'object' : typeof patch;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${found} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  if (patch.length > MAX_OPERATIONS) {
    throw new Failure(
      413,
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`,
    );
  }
  for (const operation of patch) {
    if (!isObject(operation) || !OPERATIONS.has(textAt(operation, 'op') ?? '')) throw misfit();
  }
  try {
    let document = structuredClone(target);
    for (const operation of patch) document = applyOne(document, operation as unknown as Operation);
    if (isObject(document)) return document;
  } catch {
    throw misfit();
  }
  throw misfit();
}

/** The real server lets `replace` add a missing member to an object that exists. */
function applyOne(document: JsonObject, operation: Operation): JsonObject {
  const op = operation.op === 'replace' && addsMember(document, operation.path) ? 'add' : operation.op;
  const result = fastJsonPatch.applyOperation(document, { ...operation, op } as Operation, true, true, true);
  return result.newDocument;
}

function addsMember(document: JsonObject, path: string): boolean {
  const parts = path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = parts.pop();
  const parent = valueAt(document, ...parts);
  return last !== undefined && isObject(parent) && !Object.hasOwn(parent, last);
}

const misfit = (): Failure =>
  new Failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {});

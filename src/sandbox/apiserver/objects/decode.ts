/** From a request body to an object: kind and version checked, wrong types refused, unknown fields taken out and reported. */
import { badRequest } from '../failure.ts';
import { isObject, type JsonObject } from '../json.ts';
import { checkMetadataShape } from '../kinds/metadata-check.ts';
import { apiVersionOf, type Resource } from '../kinds/resource.ts';
import { asJson, asObject, type StoredObject } from '../object.ts';
import { prune } from '../schema/prune.ts';
import type { Machine, WriteOptions } from './context.ts';

/** Changes `body` in place and returns it as an object. */
export function decode(machine: Machine, resource: Resource, body: JsonObject, options: WriteOptions): StoredObject {
  const apiVersion = apiVersionOf(resource);
  checkKind(resource, body, apiVersion);
  body['apiVersion'] = apiVersion;
  body['kind'] = resource.kind;
  const problem = checkMetadataShape(body) ?? resource.decodeProblem(body);
  if (problem !== undefined) throw badRequest(cannotHandle(resource, problem));
  if (!isObject(body['metadata'])) body['metadata'] = {};
  dropNullMembers(body['metadata']);
  const unknown = prune(body, resource.schema, {
    metadata: machine.metadataSchema,
    dropNulls: !resource.custom,
  });
  reportUnknown(resource, unknown, options);
  return asObject(body);
}

function checkKind(resource: Resource, body: JsonObject, apiVersion: string): void {
  const { kind, apiVersion: given } = body;
  if (given !== undefined && given !== '' && given !== apiVersion) {
    throw badRequest(
      `the API version in the data (${String(given)}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (kind === resource.kind || (!resource.custom && (kind === undefined || kind === ''))) return;
  if (kind === undefined || kind === '') throw badRequest("Object 'Kind' is missing in the request body");
  if (resource.custom) {
    throw badRequest(`the kind in the data (${String(kind)}) does not match the expected kind (${resource.kind})`);
  }
  throw badRequest(
    `${String(kind)} in version ${JSON.stringify(resource.version)} cannot be handled as a ${resource.kind}: converting (${String(kind)}) to (${resource.kind}): unknown conversion`,
  );
}

function reportUnknown(resource: Resource, unknown: readonly string[], options: WriteOptions): void {
  if (unknown.length === 0 || options.fieldValidation === 'Ignore') return;
  const sentences = unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
  if (options.fieldValidation === 'Warn') {
    options.warnings.push(...sentences);
    return;
  }
  const problem = `strict decoding error: ${sentences.join(', ')}`;
  throw badRequest(resource.custom ? problem : cannotHandle(resource, problem));
}

const cannotHandle = (resource: Resource, problem: string): string =>
  `${resource.kind} in version ${JSON.stringify(resource.version)} cannot be handled as a ${resource.kind}: ${problem}`;

function dropNullMembers(metadata: JsonObject): void {
  for (const [key, value] of Object.entries(metadata)) if (value === null) delete metadata[key];
}

export const bodyOf = asJson;

/** From a request body to an object: kind and version checked, wrong types refused, unknown fields taken out and reported. */
import { badRequest, invalid } from '../failure.ts';
import { isObject, type JsonObject, textAt } from '../json.ts';
import { invalidValue } from '../kinds/causes.ts';
import { checkMetadataShape } from '../kinds/metadata-check.ts';
import { apiVersionOf, type Resource } from '../kinds/resource.ts';
import { asObject, type StoredObject } from '../object.ts';
import { prune } from '../schema/prune.ts';
import type { Machine, WriteOptions } from './context.ts';

/** Thrown where a body cannot be an object of the kind; callers choose the answer. */
export class DecodeProblem extends Error {
  override readonly name = 'DecodeProblem';
}

/** The body of a POST or PUT. Changes `body` in place and returns it as an object. */
export function decode(machine: Machine, resource: Resource, body: JsonObject, options: WriteOptions): StoredObject {
  checkKind(resource, body);
  try {
    return decodeContent(machine, resource, body, options);
  } catch (thrown) {
    if (!(thrown instanceof DecodeProblem)) throw thrown;
    throw badRequest(cannotHandle(resource, resource.kind, resource.version, thrown.message));
  }
}

/** A body whose kind is known already: the result of a patch, or an applied configuration. Throws `DecodeProblem`. */
export function decodeContent(
  machine: Machine,
  resource: Resource,
  body: JsonObject,
  options: WriteOptions,
): StoredObject {
  const kept = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  for (const [field, wanted] of Object.entries(kept)) {
    const given = body[field];
    if (resource.custom && given !== undefined && given !== '' && given !== wanted) {
      const name = textAt(body, 'metadata', 'name') ?? '';
      throw invalid({ group: resource.group, kind: resource.kind, name }, [
        invalidValue(field, given, `must be ${wanted}`),
      ]);
    }
    body[field] = wanted;
  }
  const problem = checkMetadataShape(body) ?? resource.decodeProblem(body);
  if (problem !== undefined) throw new DecodeProblem(problem);
  const unknown = pruneUnknown(machine, resource, body);
  if (unknown.length === 0 || options.fieldValidation === 'Ignore') return asObject(body);
  const sentences = unknown.map((path) => `unknown field ${JSON.stringify(path)}`);
  if (options.fieldValidation === 'Strict') throw new DecodeProblem(`strict decoding error: ${sentences.join(', ')}`);
  options.warnings.push(...sentences);
  return asObject(body);
}

/** Takes out what the schema does not know and returns the paths. */
export function pruneUnknown(machine: Machine, resource: Resource, body: JsonObject): string[] {
  if (!isObject(body['metadata'])) body['metadata'] = {};
  dropNullMembers(body['metadata']);
  return prune(body, resource.schema, { metadata: machine.metadataSchema, dropNulls: !resource.custom });
}

function checkKind(resource: Resource, body: JsonObject): void {
  const expected = apiVersionOf(resource);
  const kind = typeof body['kind'] === 'string' ? body['kind'] : '';
  const given = typeof body['apiVersion'] === 'string' ? body['apiVersion'] : '';
  if (resource.custom) checkCustomKind(resource, body, kind, given, expected);
  else checkBuiltinKind(resource, kind === '' ? resource.kind : kind, given === '' ? expected : given, expected);
}

function checkCustomKind(resource: Resource, body: JsonObject, kind: string, given: string, expected: string): void {
  if (kind === '') {
    const text = JSON.stringify(body);
    throw badRequest(
      `the object provided is unrecognized (must be of type ${resource.kind}): Object 'Kind' is missing in '${text}' (${text.slice(0, 64)})`,
    );
  }
  if (given !== expected) {
    throw badRequest(`the API version in the data (${given}) does not match the expected API version (${expected})`);
  }
  if (kind === resource.kind) return;
  const name = textAt(body, 'metadata', 'name') ?? '';
  throw invalid({ group: resource.group, kind, name }, [invalidValue('kind', kind, `must be ${resource.kind}`)]);
}

function checkBuiltinKind(resource: Resource, kind: string, given: string, expected: string): void {
  if (given !== expected) {
    const version = given.split('/').at(-1) ?? given;
    const problem = `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(given)} in scheme "pkg/runtime/scheme.go:111"`;
    throw badRequest(cannotHandle(resource, kind, version, problem));
  }
  if (kind === resource.kind) return;
  const internal = resource.group === '' ? 'core' : (resource.group.split('.')[0] ?? '');
  const problem = `converting (${resource.version}.${kind}) to (${internal}.${resource.kind}): unknown conversion`;
  throw badRequest(cannotHandle(resource, kind, resource.version, problem));
}

const cannotHandle = (resource: Resource, kind: string, version: string, problem: string): string =>
  `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${resource.kind}: ${problem}`;

function dropNullMembers(metadata: JsonObject): void {
  for (const [key, value] of Object.entries(metadata)) if (value === null) delete metadata[key];
}

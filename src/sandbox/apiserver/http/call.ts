/** One request about a resource: what it names, how it wants to write, and how it is answered. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse as parseYaml } from 'yaml';
import { badRequest, invalid, unsupportedMediaType } from '../failure.ts';
import { isObject, type JsonObject, jsonProblem } from '../json.ts';
import { unsupportedValue } from '../kinds/causes.ts';
import type { Resource } from '../kinds/resource.ts';
import type { StoredObject } from '../object.ts';
import { type Machine, present, type Subresource, type Target, type WriteOptions } from '../objects/context.ts';
import { APPLY_PATCH } from '../objects/patch.ts';
import type { Fault, RequestVerb } from './faults.ts';
import { PROTOBUF } from './protobuf.ts';
import { addWarnings, sendJson, sendJsonText } from './respond.ts';
import type { ResourceRoute } from './route.ts';
import { textOf } from './serialise.ts';
import { tableOf, tableRequest } from './table.ts';
import type { Cut } from './watch.ts';

export interface ResourceRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly route: ResourceRoute;
  readonly resource: Resource;
  readonly verb: RequestVerb;
  readonly fault: Fault | undefined;
  /** Told of every watch, so that the server can cut it. */
  readonly onWatch: (cut: Cut) => () => void;
  /** Filled while the request is read; sent with the answer, good or bad. */
  readonly warnings: string[];
  /** The body as text; a protobuf body as JSON. */
  readonly readText: () => Promise<string>;
}

/** A path that nothing serves: plain text, not a Status, as on the real server. */
export class PageNotFound extends Error {
  override readonly name = 'PageNotFound';
}

export const targetOf = ({ resource, route }: ResourceRequest): Target => ({
  resource,
  namespace: route.namespace,
  name: route.name ?? '',
});

export function optionsOf(call: ResourceRequest): WriteOptions {
  const { url, request, route } = call;
  const query = url.searchParams;
  const validation = query.get('fieldValidation') ?? 'Warn';
  if (!FIELD_VALIDATION.includes(validation)) {
    const kind = OPTIONS_KIND[request.method ?? ''] ?? 'PatchOptions';
    throw invalid({ group: 'meta.k8s.io', kind, name: '' }, [
      unsupportedValue('fieldValidation', validation, FIELD_VALIDATION),
    ]);
  }
  const agent = (request.headers['user-agent'] ?? '').split('/')[0] ?? '';
  const isApply = mediaTypeOf(request) === APPLY_PATCH;
  const subresource = route.subresource;
  return {
    fieldManager: query.get('fieldManager') ?? (isApply ? '' : agent.slice(0, 128)),
    fieldValidation: validation === 'Strict' || validation === 'Ignore' ? validation : 'Warn',
    dryRun: query.get('dryRun') === 'All',
    force: query.get('force') === 'true',
    subresource: subresource === 'status' || subresource === 'scale' ? (subresource satisfies Subresource) : '',
    warnings: call.warnings,
  };
}

const OPTIONS_KIND: Readonly<Record<string, string>> = { POST: 'CreateOptions', PUT: 'UpdateOptions' };
const FIELD_VALIDATION = ['', 'Ignore', 'Strict', 'Warn'];

export function mediaTypeOf(request: IncomingMessage): string {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  return type === PROTOBUF ? 'application/json' : type;
}

export async function readObject({ request, readText }: ResourceRequest, kind = ''): Promise<JsonObject> {
  const text = await readText();
  if (text.trim() === '') return {};
  const value = decodeBody(text, mediaTypeOf(request), kind);
  if (!isObject(value)) throw badRequest('the body of the request is not an object');
  return value;
}

const BODY_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];

function decodeBody(text: string, mediaType: string, kind: string): unknown {
  if (mediaType !== '' && mediaType !== 'application/json' && !mediaType.includes('yaml')) {
    throw unsupportedMediaType(BODY_TYPES);
  }
  try {
    return mediaType.includes('yaml') ? parseYaml(text, { version: '1.1' }) : JSON.parse(text);
  } catch (thrown) {
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${jsonProblem(thrown)} (${text.slice(0, 64)})`,
    );
  }
}

/** Answers with one object, as a table row if the client wants that. */
export function sendObject(machine: Machine, call: ResourceRequest, code: number, stored: StoredObject): void {
  const { resource, request, response, url } = call;
  addWarnings(response, call.warnings);
  if (call.fault?.dropAfterWrite === true) {
    response.destroy();
    return;
  }
  const table = tableRequest(request.headers.accept, url.searchParams);
  if (table === undefined) sendJsonText(response, code, textOf(resource, present(resource, stored)));
  else {
    const metadata = { resourceVersion: stored.metadata.resourceVersion ?? '' };
    sendJson(response, code, tableOf(resource, [stored], table, metadata, machine.nowMs(), true));
  }
}

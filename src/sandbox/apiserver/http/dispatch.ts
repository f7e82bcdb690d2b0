/** The front door: who may come in, which faults meet them, and whether they want a document or a resource. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expired, Failure, methodNotAllowed, noSuchResource, notFound, tooManyRequests } from '../failure.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { Machine } from '../objects/context.ts';
import {
  aggregated,
  AGGREGATED_TYPE,
  coreVersions,
  groupList,
  oneGroup,
  resourceList,
  wantsAggregated,
} from './discovery.ts';
import { type Fault, type Faults, hits } from './faults.ts';
import { openApiDocument, openApiIndex } from './openapi.ts';
import { PageNotFound } from './call.ts';
import { handleResource, verbOf } from './requests.ts';
import { decodeProtobuf, type Messages, PROTOBUF } from './protobuf.ts';
import { readBody, sendFailure, sendJson, sendText } from './respond.ts';
import { review } from './reviews.ts';
import { parseResourcePath } from './route.ts';
import type { Cut } from './watch.ts';

export interface DispatchDeps {
  readonly machine: Machine;
  readonly faults: Faults;
  readonly token: string;
  readonly rawSchemas: Readonly<Record<string, JsonObject>>;
  readonly version: JsonObject;
  readonly messages: Messages;
}

interface OpenWatch {
  readonly path: string;
  readonly cut: Cut;
}

export class Dispatcher {
  readonly #deps: DispatchDeps;
  readonly #watches = new Set<OpenWatch>();

  constructor(deps: DispatchDeps) {
    this.#deps = deps;
  }

  /** Cuts open watches; all of them, or those that the fault names. */
  cutWatches(fault: Fault = {}): void {
    for (const watch of this.#watches) if (hits(fault, watch.path, 'watch')) watch.cut();
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://sandbox');
    try {
      await this.#answer(request, response, url);
    } catch (thrown) {
      if (thrown instanceof PageNotFound) sendText(response, 404, '404 page not found\n');
      else sendFailure(response, thrown);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const prefix = secretPrefix(this.#deps.token);
    const prefixed = url.pathname.startsWith(`${prefix}/`) || url.pathname === prefix;
    if (prefixed) url.pathname = url.pathname.slice(prefix.length) || '/';
    else if (!HEALTH.has(url.pathname) && !isAuthorized(request, this.#deps.token)) {
      throw new Failure(401, 'Unauthorized', 'Unauthorized');
    }
    const route = parseResourcePath(url.pathname);
    const verb =
      route === undefined
        ? request.method === 'GET' || request.method === 'HEAD'
          ? ('get' as const)
          : undefined
        : verbOf(request.method ?? 'GET', route, url.searchParams);
    const fault = verb === undefined ? undefined : this.#deps.faults.take(url.pathname, verb);
    if (fault !== undefined && (await meetFault(fault, response))) return;
    if (route === undefined) {
      this.#document(request, response, url, prefixed ? prefix : '');
      return;
    }
    const { machine } = this.#deps;
    const resource = machine.registry.find(route.group, route.version, route.plural);
    if (resource === undefined) {
      await this.#review(request, response, route.plural, route.group, route.version);
      return;
    }
    if (verb === undefined) throw methodNotAllowed();
    const readText = (): Promise<string> => bodyText(request, this.#deps.messages);
    const onWatch = (cut: Cut): (() => void) => {
      const watch = { path: url.pathname, cut };
      this.#watches.add(watch);
      return () => this.#watches.delete(watch);
    };
    await handleResource(machine, {
      request,
      response,
      url,
      route,
      resource,
      verb,
      fault,
      onWatch,
      warnings: [],
      readText,
    });
  }

  async #review(
    request: IncomingMessage,
    response: ServerResponse,
    plural: string,
    group: string,
    version: string,
  ): Promise<void> {
    const answer = request.method === 'POST' ? await reviewOf(request, plural, this.#deps.messages) : undefined;
    if (answer === undefined) {
      const known = this.#deps.machine.registry.all().find((item) => item.group === group && item.version === version);
      if (known === undefined || known.custom) throw new PageNotFound();
      throw noSuchResource();
    }
    sendJson(response, 201, answer);
  }

  #document(request: IncomingMessage, response: ServerResponse, url: URL, prefix: string): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
    const { machine, rawSchemas, version } = this.#deps;
    const { registry } = machine;
    const path = url.pathname.length > 1 ? url.pathname.replace(/\/$/, '') : url.pathname;
    if (HEALTH.has(path)) {
      sendText(response, 200, 'ok');
      return;
    }
    if ((path === '/api' || path === '/apis') && wantsAggregated(request.headers.accept)) {
      sendText(response, 200, JSON.stringify(aggregated(registry, path === '/api')), AGGREGATED_TYPE);
      return;
    }
    const found =
      path === '/openapi/v3'
        ? openApiIndex(registry, rawSchemas, prefix)
        : document(path, registry, rawSchemas, version, request.headers.host ?? '');
    if (found === undefined) throw new PageNotFound();
    sendJson(response, 200, found);
  }
}

/** kubectl sends no token over plain http, so its kubeconfig carries the token in the server's path instead. */
export const secretPrefix = (token: string): string => `/sandbox-${token}`;

async function reviewOf(request: IncomingMessage, plural: string, messages: Messages): Promise<JsonObject | undefined> {
  if (!plural.endsWith('reviews')) return undefined;
  const body: unknown = JSON.parse(await bodyText(request, messages));
  return isObject(body) ? review(plural, body) : undefined;
}

/** The body as text, whatever form it came in. */
async function bodyText(request: IncomingMessage, messages: Messages): Promise<string> {
  const bytes = await readBody(request);
  const isProtobuf = (request.headers['content-type'] ?? '').startsWith(PROTOBUF) && bytes.length > 0;
  return isProtobuf ? JSON.stringify(decodeProtobuf(bytes, messages)) : bytes.toString('utf8');
}

const HEALTH = new Set(['/healthz', '/readyz', '/livez']);

function document(
  path: string,
  registry: Machine['registry'],
  rawSchemas: Readonly<Record<string, JsonObject>>,
  version: JsonObject,
  host: string,
): JsonObject | undefined {
  if (path === '/version') return version;
  if (path === '/api') return coreVersions(host);
  if (path === '/apis') return groupList(registry);
  const parts = path.split('/').slice(1);
  if (parts[0] === 'openapi' && parts[1] === 'v3') {
    const [group, groupVersion] = parts[2] === 'api' ? ['', parts[3]] : [parts[3], parts[4]];
    if (group === undefined || groupVersion === undefined) return undefined;
    return openApiDocument(registry, rawSchemas, group, groupVersion);
  }
  if (parts[0] === 'api' && parts.length === 2) return resourceList(registry, '', parts[1] ?? '');
  if (parts[0] === 'apis' && parts.length === 2) return oneGroup(registry, parts[1] ?? '');
  if (parts[0] === 'apis' && parts.length === 3) return resourceList(registry, parts[1] ?? '', parts[2] ?? '');
  return path === '/' ? { paths: ['/api', '/apis', '/healthz', '/openapi/v3', '/version'] } : undefined;
}

function isAuthorized(request: IncomingMessage, token: string): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** True when the fault was the whole answer. */
async function meetFault(fault: Fault, response: ServerResponse): Promise<boolean> {
  if (fault.partition === true) {
    await delay(fault.delayMs ?? 0);
    response.destroy();
    return true;
  }
  if (fault.delayMs !== undefined) await delay(fault.delayMs);
  if (fault.status === undefined) return false;
  throw failureFor(fault.status);
}

function failureFor(status: number): Failure {
  switch (status) {
    case 429:
      return tooManyRequests(1);
    case 410:
      return expired('The resourceVersion for the provided watch is too old.');
    case 409:
      return new Failure(
        409,
        'Conflict',
        'Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again',
      );
    case 404:
      return notFound({ group: '', kind: 'resource' });
    case 403:
      return new Failure(403, 'Forbidden', 'forbidden: a fault was asked for');
    case 401:
      return new Failure(401, 'Unauthorized', 'Unauthorized');
    default:
      return new Failure(
        status,
        status === 503 ? 'ServiceUnavailable' : status === 504 ? 'Timeout' : 'InternalError',
        'an error on the server (a fault was asked for)',
      );
  }
}

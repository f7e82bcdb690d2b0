/**
 * The `KubeClient` port on a real API server. Importing this file loads part of @kubernetes/client-node (0.1 s, 35 MiB):
 * commands that may run offline import it dynamically.
 */
import type { IncomingMessage } from 'node:http';
import { type KubeObject, type Patch, type ResourceType, TYPES } from '../api/meta.ts';
import { type Clock, systemClock } from '../clock.ts';
import { SerinError } from '../errors.ts';
import { jsonLines } from './lines.ts';
import { collectionPath, groupPath, nameOf, objectPath, selection, withQuery } from './paths.ts';
import type { KubeClient, ListOptions, ObjectList, WatchEvent } from './port.ts';
import { type ApiStatus, type Attempt, parseStatus, refusal } from './refusal.ts';
import { createTransport, type Transport, transportError } from './transport.ts';

export interface KubeClientOptions {
  /** Path of a kubeconfig file. Absent: `KUBECONFIG`, `~/.kube/config`, then the service account of the pod. */
  readonly kubeconfig?: string;
  /** Context in it; absent: its current one. */
  readonly context?: string;
  /** Address of an API server that needs no authentication; replaces the kubeconfig. */
  readonly server?: string;
  /** Longest wait for an answer (default 30 s). */
  readonly requestTimeoutMs?: number;
  /** After how long the server ends a watch (default 5–10 min at random, so that watches don't end together). */
  readonly watchTimeoutMs?: number;
  /** A watch that says nothing this long, not even a bookmark (the server sends one a minute), ends (default 150 s). */
  readonly watchIdleMs?: number;
  readonly clock?: Clock;
}

export interface ConnectedKubeClient extends KubeClient {
  readonly server: string;
  /** Namespace of the context; `default` where it names none. */
  readonly namespace: string;
  /** Ends the connections that are kept open. */
  close(): void;
}

const PAGE = 500;

export function createKubeClient(options: KubeClientOptions = {}): ConnectedKubeClient {
  const { kubeconfig, context, server, clock = systemClock, requestTimeoutMs = 30_000 } = options;
  const transport = createTransport({
    clock,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...(context === undefined ? {} : { context }),
    ...(server === undefined ? {} : { server }),
  });
  const call = caller(transport, requestTimeoutMs);
  const typeOf = typeFinder(call);
  const watchTimeoutMs = (): number => options.watchTimeoutMs ?? (5 + 5 * Math.random()) * 60_000;

  return {
    server: transport.server,
    namespace: transport.namespace,
    close: () => transport.close(),

    get: async (ref, signal) => {
      try {
        const body = await call({ verb: 'get', target: nameOf(ref) }, 'GET', objectPath(ref), { signal });
        return objectOf(body);
      } catch (thrown) {
        if (isNotFound(thrown)) return undefined;
        throw thrown;
      }
    },

    list: async (type, selected = {}, signal) => {
      try {
        return await listPages(call, type, selected, PAGE, signal);
      } catch (thrown) {
        // The continue token expired between two pages: once more in one piece.
        if (!(thrown instanceof SerinError && thrown.code === 'SERIN_E_GONE')) throw thrown;
        return await listPages(call, type, selected, undefined, signal);
      }
    },

    watch: (type, selected, signal) =>
      watch(transport, type, selected, signal, {
        timeoutMs: watchTimeoutMs(),
        idleMs: options.watchIdleMs ?? 150_000,
        requestTimeoutMs,
      }),

    create: async (object, fieldManager, signal) => {
      const type = await typeOf(object, signal);
      const path = withQuery(collectionPath(type, object.metadata.namespace), { fieldManager });
      const attempt = { verb: 'create', target: nameOf({ type, ...object.metadata }) };
      return objectOf(await call(attempt, 'POST', path, { json: object, signal }));
    },

    patch: async (patch, signal) => {
      const { contentType, json, query } = patchRequest(patch);
      const attempt = { verb: patch.kind === 'json' ? 'patch' : 'apply', target: nameOf(patch.target) };
      const path = withQuery(objectPath(patch.target, patch.subresource), query);
      return objectOf(await call(attempt, 'PATCH', path, { json, contentType, signal }));
    },

    delete: async (ref, preconditions, signal) => {
      const json = {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        propagationPolicy: 'Background',
        ...(preconditions?.uid === undefined ? {} : { preconditions: { uid: preconditions.uid } }),
      };
      try {
        await call({ verb: 'delete', target: nameOf(ref) }, 'DELETE', objectPath(ref), { json, signal });
      } catch (thrown) {
        if (!isNotFound(thrown)) throw thrown;
      }
    },
  };
}

interface CallOptions {
  readonly json?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

type Call = (
  attempt: Attempt,
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  options?: CallOptions,
) => Promise<unknown>;

function caller(transport: Transport, timeoutMs: number): Call {
  return async (attempt, method, path, { json, contentType, signal } = {}) => {
    const answer = await transport.request({
      method,
      path,
      timeoutMs,
      signal,
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(contentType === undefined ? {} : { contentType }),
    });
    const body = await bodyOf(answer, timeoutMs).catch((cause: unknown) => {
      throw transportError(transport.server, { method, path, signal }, cause);
    });
    const code = answer.statusCode ?? 0;
    if (code < 200 || code > 299) throw refusal(attempt, parseStatus(code, body));
    try {
      return JSON.parse(body);
    } catch (cause) {
      throw transportError(transport.server, { method, path, signal }, cause);
    }
  };
}

async function bodyOf(answer: IncomingMessage, timeoutMs: number): Promise<string> {
  const timer = setTimeout(() => answer.destroy(new Error(`the answer did not end within ${timeoutMs} ms`)), timeoutMs);
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    clearTimeout(timer);
  }
}

async function listPages(
  call: Call,
  type: ResourceType,
  options: ListOptions,
  limit: number | undefined,
  signal: AbortSignal | undefined,
): Promise<ObjectList> {
  const attempt = { verb: 'list', target: `${type.plural}${type.group === '' ? '' : `.${type.group}`}` };
  const items: KubeObject[] = [];
  let token: string | undefined;
  for (;;) {
    const query = { ...selection(options), limit, continue: token };
    const path = withQuery(collectionPath(type, options.namespace), query);
    const page = (await call(attempt, 'GET', path, { signal })) as ListBody;
    for (const item of page.items ?? []) items.push(typed(item, type));
    token = page.metadata?.continue;
    if (token === undefined || token === '') return { items, resourceVersion: page.metadata?.resourceVersion ?? '' };
  }
}

/** The wire form of a list; items of built-in types come without kind and apiVersion. */
interface ListBody {
  readonly items?: readonly KubeObject[] | null;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

function typed(item: KubeObject, type: ResourceType): KubeObject {
  if (item.kind !== undefined && item.apiVersion !== undefined) return item;
  const apiVersion = type.group === '' ? type.version : `${type.group}/${type.version}`;
  return { ...item, apiVersion, kind: type.kind };
}

interface WatchTimes {
  readonly timeoutMs: number;
  readonly idleMs: number;
  readonly requestTimeoutMs: number;
}

async function* watch(
  transport: Transport,
  type: ResourceType,
  options: ListOptions & { readonly resourceVersion: string },
  signal: AbortSignal,
  times: WatchTimes,
): AsyncGenerator<WatchEvent, void, undefined> {
  const attempt = { verb: 'watch', target: `${type.plural}${type.group === '' ? '' : `.${type.group}`}` };
  const path = withQuery(collectionPath(type, options.namespace), {
    ...selection(options),
    watch: true,
    allowWatchBookmarks: true,
    resourceVersion: options.resourceVersion,
    timeoutSeconds: Math.max(1, Math.round(times.timeoutMs / 1_000)),
  });
  const request = { method: 'GET', path, timeoutMs: times.requestTimeoutMs, signal } as const;
  const answer = await transport.request(request);
  if (answer.statusCode !== 200) {
    const body = await bodyOf(answer, times.requestTimeoutMs).catch(() => '');
    throw refusal(attempt, parseStatus(answer.statusCode ?? 0, body));
  }
  try {
    for await (const line of jsonLines(answer, times.idleMs)) {
      const event = line as { readonly type: string; readonly object: KubeObject };
      if (event.type === 'ERROR') throw refusal(attempt, event.object as unknown as ApiStatus);
      if (event.type === 'BOOKMARK') {
        yield { type: 'BOOKMARK', resourceVersion: event.object.metadata.resourceVersion ?? '' };
      } else if (event.type === 'ADDED' || event.type === 'MODIFIED' || event.type === 'DELETED') {
        yield { type: event.type, object: typed(event.object, type) };
      }
    }
  } catch (cause) {
    throw transportError(transport.server, request, cause);
  } finally {
    answer.destroy();
  }
}

function patchRequest(patch: Patch): {
  contentType: string;
  json: unknown;
  query: Readonly<Record<string, string | boolean>>;
} {
  const { fieldManager } = patch;
  return patch.kind === 'json'
    ? { contentType: 'application/json-patch+json', json: patch.operations, query: { fieldManager } }
    : {
        // JSON is YAML; the server knows no other name for it before 1.36.
        contentType: 'application/apply-patch+yaml',
        json: patch.object,
        query: { fieldManager, force: patch.force },
      };
}

/** How the server spells the kind of an object: Serin's own table first, then the server's discovery. */
function typeFinder(call: Call): (object: KubeObject, signal?: AbortSignal) => Promise<ResourceType> {
  const found = new Map<string, ResourceType>();
  for (const type of Object.values(TYPES)) found.set(typeKey(apiVersionOf(type), type.kind), type);
  return async (object, signal) => {
    const key = typeKey(object.apiVersion, object.kind);
    const known = found.get(key);
    if (known !== undefined) return known;
    const [group, version] = object.apiVersion.includes('/')
      ? (object.apiVersion.split('/', 2) as [string, string])
      : ['', object.apiVersion];
    const attempt = { verb: 'discover', target: object.apiVersion };
    const body = (await call(attempt, 'GET', groupPath(group, version), { signal })) as {
      readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
    };
    const resource = body.resources?.find((each) => each.kind === object.kind && !each.name.includes('/'));
    if (resource === undefined) {
      throw new SerinError(
        'SERIN_E_NOT_FOUND',
        `The API server knows no kind ${object.kind} in ${object.apiVersion}. Install its resource definition.`,
      );
    }
    const type = { group, version, kind: object.kind, plural: resource.name, namespaced: resource.namespaced };
    found.set(key, type);
    return type;
  };
}

const typeKey = (apiVersion: string, kind: string): string => `${apiVersion} ${kind}`;
const apiVersionOf = (type: ResourceType): string =>
  type.group === '' ? type.version : `${type.group}/${type.version}`;

function objectOf(body: unknown): KubeObject {
  return body as KubeObject; // the API server's answer to a single-object request
}

function isNotFound(thrown: unknown): boolean {
  return thrown instanceof SerinError && thrown.code === 'SERIN_E_NOT_FOUND';
}

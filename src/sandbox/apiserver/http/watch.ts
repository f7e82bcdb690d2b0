/**
 * Watches: a stream of events after a revision, with bookmarks. Every event is serialised once, however many clients watch. A client
 * that does not read is cut off rather than allowed to fill the memory.
 */
import type { ServerResponse } from 'node:http';
import { expired } from '../failure.ts';
import { apiVersionOf, type Resource } from '../kinds/resource.ts';
import type { StoredObject } from '../object.ts';
import type { Store, StoreEvent } from '../store/store.ts';
import { revisionOf } from './list.ts';
import type { Selection } from './select.ts';
import { eventText, objectText } from './serialise.ts';
import { type TableRequest, tableOf } from './table.ts';

const BOOKMARK_INTERVAL_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 30 * 60_000;
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;

export interface WatchRequest {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly selection: Selection;
  readonly query: URLSearchParams;
  readonly table: TableRequest | undefined;
  readonly nowMs: () => number;
}

/** Ends the watch from the server's side. */
export type Cut = () => void;

/** Starts a watch; `onEnd` is called once, however it ends. */
export function startWatch(store: Store, request: WatchRequest, response: ServerResponse, onEnd: () => void): Cut {
  const { resource, query } = request;
  const asked = revisionOf(query);
  const bookmarks = query.get('allowWatchBookmarks') === 'true' || query.get('allowWatchBookmarks') === '1';
  const initialEvents = query.get('sendInitialEvents') === 'true';
  response.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache, private' });
  response.flushHeaders();
  const stream = streamOf(request, response);
  let ended = false;
  const timers: NodeJS.Timeout[] = [];
  let unsubscribe = (): void => undefined;
  const end = (): void => {
    if (ended) return;
    ended = true;
    for (const timer of timers) clearTimeout(timer);
    unsubscribe();
    response.end();
    onEnd();
  };
  response.on('close', end);
  if (asked !== undefined && asked !== 0 && asked < store.oldestRevision(resource.storage) && !initialEvents) {
    response.write(failureText(`too old resource version: ${asked} (${store.revision})`));
    end();
    return end;
  }
  const fromNow = asked === undefined || asked === 0 || initialEvents;
  if (fromNow && query.get('sendInitialEvents') !== 'false') stream.initial(store);
  if (initialEvents && bookmarks) stream.bookmark(store.revision, true);
  if (!fromNow) for (const event of store.eventsAfter(resource.storage, asked)) stream.event(event);
  unsubscribe = store.subscribe(resource.storage, (event) => {
    if (!fromNow && event.revision <= asked) return;
    stream.event(event);
    if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
  });
  const seconds = Number(query.get('timeoutSeconds') ?? '0');
  const finish = (): void => {
    if (bookmarks) stream.bookmark(store.revision, false);
    end();
  };
  timers.push(setTimeout(finish, seconds > 0 ? seconds * 1000 : DEFAULT_TIMEOUT_MS));
  if (bookmarks) timers.push(setInterval(() => stream.bookmark(store.revision, false), BOOKMARK_INTERVAL_MS));
  for (const timer of timers) timer.unref();
  return end;
}

function failureText(message: string): string {
  return `${JSON.stringify({ type: 'ERROR', object: expired(message).toStatus() })}\n`;
}

interface Stream {
  initial(store: Store): void;
  event(event: StoreEvent): void;
  bookmark(revision: number, initialEventsEnd: boolean): void;
}

function streamOf(request: WatchRequest, response: ServerResponse): Stream {
  const { resource, namespace, selection, table, nowMs } = request;
  const prefix = namespace === undefined ? '' : `${namespace}/`;
  let definitionsSent = false;
  const tableEvent = (type: string, object: StoredObject): string => {
    const metadata = { resourceVersion: object.metadata.resourceVersion ?? '' };
    const body = tableOf(resource, [object], table ?? { include: 'Metadata' }, metadata, nowMs(), !definitionsSent);
    definitionsSent = true;
    return `${JSON.stringify({ type, object: body })}\n`;
  };
  return {
    initial: (store) => {
      for (const version of store.list(resource.storage, prefix)) {
        if (!selection.matches(version.object)) continue;
        response.write(
          table === undefined
            ? `{"type":"ADDED","object":${objectText(resource, version)}}\n`
            : tableEvent('ADDED', version.object),
        );
      }
    },
    event: (event) => {
      if (!event.version.key.startsWith(prefix)) return;
      const type = selectedType(event, selection);
      if (type === undefined) return;
      response.write(table === undefined ? eventText(resource, event, type) : tableEvent(type, event.version.object));
    },
    bookmark: (revision, initialEventsEnd) => {
      const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
      const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...annotations };
      const object = { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata };
      response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
    },
  };
}

/** An object that begins to match is ADDED, one that no longer matches is DELETED. */
function selectedType(event: StoreEvent, selection: Selection): StoreEvent['type'] | undefined {
  if (selection.everything) return event.type;
  const now = event.type !== 'DELETED' && selection.matches(event.version.object);
  const before = event.previous !== undefined && selection.matches(event.previous.object);
  if (now) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}

/**
 * Everything the sandbox cluster knows: objects by resource and key, one revision counter for all writes, and the newest events for
 * watches. Objects are never changed in place; each version is serialised once and shared by every reader and watcher.
 */
import { EventEmitter } from 'node:events';
import type { StoredObject } from '../object.ts';

export interface Version {
  readonly object: StoredObject;
  readonly revision: number;
  readonly key: string;
  /** Filled by readers that need the text; see `http/serialise.ts`. */
  readonly texts: Map<string, string>;
}

export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  readonly resource: string;
  readonly version: Version;
  readonly previous: Version | undefined;
}

interface Table {
  readonly versions: Map<string, Version>;
  sortedKeys: string[] | undefined;
}

export interface StoreOptions {
  /** How many events are kept for watches that start in the past. */
  readonly history?: number;
}

const DEFAULT_HISTORY = 20_000;

export class Store {
  readonly #tables = new Map<string, Table>();
  readonly #begins = new Map<string, number>();
  readonly #events = new EventEmitter();
  readonly #historyLimit: number;
  #history: StoreEvent[] = [];
  #revision = 1;
  #compacted = 0;

  constructor(options: StoreOptions = {}) {
    this.#historyLimit = options.history ?? DEFAULT_HISTORY;
    this.#events.setMaxListeners(0);
  }

  get revision(): number {
    return this.#revision;
  }

  /** Lists from before this revision are answered 410. */
  get compactedRevision(): number {
    return this.#compacted;
  }

  get(resource: string, key: string): Version | undefined {
    return this.#tables.get(resource)?.versions.get(key);
  }

  /** In the order of keys. A prefix ends in `/` and names a namespace. */
  list(resource: string, prefix = ''): Version[] {
    const table = this.#tables.get(resource);
    if (table === undefined) return [];
    table.sortedKeys ??= [...table.versions.keys()].sort();
    const found: Version[] = [];
    for (const key of table.sortedKeys) {
      if (prefix !== '' && !key.startsWith(prefix)) continue;
      const version = table.versions.get(key);
      if (version !== undefined) found.push(version);
    }
    return found;
  }

  /** The list as it was at a revision that is still in the history. */
  listAt(resource: string, prefix: string, revision: number): Version[] {
    const versions = new Map(this.list(resource, prefix).map((version) => [version.key, version]));
    for (let index = this.#history.length - 1; index >= 0; index -= 1) {
      const event = this.#history[index];
      if (event === undefined || event.revision <= revision) break;
      if (event.resource !== resource || !event.version.key.startsWith(prefix)) continue;
      if (event.previous === undefined) versions.delete(event.version.key);
      else versions.set(event.version.key, event.previous);
    }
    return [...versions.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  count(resource: string): number {
    return this.#tables.get(resource)?.versions.size ?? 0;
  }

  /** Stores the object under the next revision, which becomes its resourceVersion. */
  put(resource: string, key: string, object: StoredObject): Version {
    this.#revision += 1;
    object.metadata.resourceVersion = String(this.#revision);
    const version: Version = { object, revision: this.#revision, key, texts: new Map() };
    const table = this.#table(resource);
    const previous = table.versions.get(key);
    table.versions.set(key, version);
    if (previous === undefined) table.sortedKeys = undefined;
    this.#record({
      type: previous === undefined ? 'ADDED' : 'MODIFIED',
      revision: this.#revision,
      resource,
      version,
      previous,
    });
    return version;
  }

  /** Watchers see the object's last state with the revision of the deletion. `final` replaces that last state. */
  remove(resource: string, key: string, final?: StoredObject): Version | undefined {
    const table = this.#table(resource);
    const previous = table.versions.get(key);
    if (previous === undefined) return undefined;
    this.#revision += 1;
    table.versions.delete(key);
    table.sortedKeys = undefined;
    const last = final ?? previous.object;
    const object = { ...last, metadata: { ...last.metadata, resourceVersion: String(this.#revision) } };
    const version: Version = { object, revision: this.#revision, key, texts: new Map() };
    this.#record({ type: 'DELETED', revision: this.#revision, resource, version, previous });
    return version;
  }

  /** From now on watches of this resource begin here: what it was before is not known. */
  begin(resource: string): void {
    this.#begins.set(resource, this.#revision);
  }

  /** Watches of this resource from before this revision are answered 410. */
  oldestRevision(resource: string): number {
    return Math.max(this.#compacted, this.#begins.get(resource) ?? 0);
  }

  /** Forgets all objects of a resource without telling watchers; for a resource that itself ceased to exist. */
  drop(resource: string): void {
    this.#tables.delete(resource);
  }

  /** Events of a resource after a revision, oldest first. The caller has checked `compactedRevision`. */
  eventsAfter(resource: string, revision: number): StoreEvent[] {
    return this.#history.filter((event) => event.revision > revision && event.resource === resource);
  }

  /** Calls back synchronously, in the order of revisions. Returns the function that ends it. */
  subscribe(resource: string, listener: (event: StoreEvent) => void): () => void {
    this.#events.on(resource, listener);
    return () => this.#events.off(resource, listener);
  }

  /** Every event of every resource. */
  subscribeAll(listener: (event: StoreEvent) => void): () => void {
    return this.subscribe('*', listener);
  }

  /** Forgets the history, as etcd's compaction does: older watches and continue tokens get 410. */
  compact(): void {
    this.#history = [];
    this.#compacted = this.#revision;
  }

  #table(resource: string): Table {
    let table = this.#tables.get(resource);
    if (table === undefined) {
      table = { versions: new Map(), sortedKeys: undefined };
      this.#tables.set(resource, table);
    }
    return table;
  }

  #record(event: StoreEvent): void {
    this.#history.push(event);
    if (this.#history.length > this.#historyLimit * 1.25) {
      const dropped = this.#history.length - this.#historyLimit;
      this.#compacted = this.#history[dropped - 1]?.revision ?? this.#compacted;
      this.#history = this.#history.slice(dropped);
    }
    this.#events.emit(event.resource, event);
    this.#events.emit('*', event);
  }
}

/**
 * Informers that keep going: list, watch from there, watch again from where the last one ended, list again when the
 * server has forgotten that point, when nothing was heard for long, and now and then anyway. Long, because it is one course of states.
 *
 *   list ──▶ watch ──ended──▶ watch …      410, silence, time ──▶ list      404 ──▶ empty, tried again slowly
 *             └──broken──▶ wait (full jitter) ──▶ watch
 */
import type { ResourceType } from '../api/meta.ts';
import type { Clock } from '../clock.ts';
import { SerinError } from '../errors.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { KubeReader } from '../kube/port.ts';
import type { Log } from '../logger.ts';
import { createBackoff } from './backoff.ts';
import { slim } from './slim.ts';
import { ObjectStore } from './store.ts';

export interface InformerTelemetry {
  /** Why a watch was started again: `ended`, `broken`, `gone`, `silent`, `relist`, `missing`, `forbidden`. */
  watchRestarted(kind: string, reason: string): void;
  heard(kind: string, timeMs: number): void;
}

export interface InformerDeps {
  readonly kube: KubeReader;
  readonly clock: Clock;
  /** Uniform on [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly telemetry?: InformerTelemetry;
  /** Namespaces to watch; empty: all. */
  readonly namespaces?: readonly string[];
  readonly times?: Partial<InformerTimes>;
}

export interface InformerTimes {
  /** A full list again, at least this often (jittered by ±20 %). */
  readonly relistMs: number;
  /** Nothing heard for this long, not even a bookmark: list again instead of trusting the watch. */
  readonly silenceMs: number;
  /** How often a missing or forbidden type is tried again. */
  readonly missingMs: number;
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
}

const TIMES: InformerTimes = {
  relistMs: 30 * 60_000,
  silenceMs: 5 * 60_000,
  missingMs: 60_000,
  backoffBaseMs: 500,
  backoffCapMs: 30_000,
};

export interface Informers extends ObjectCache {
  /** A type that is watched on demand begins to be watched when it is asked for; one that is never watched is never covered. */
  covers(type: ResourceType): boolean;
  /** Resolves when every type but those on demand was listed once (a type that the server does not know counts as empty). */
  synced(): Promise<void>;
  /** Types that were not listed yet, and why; without those on demand, which may be refused without harm to other Releases. */
  unsynced(): readonly { readonly kind: string; readonly because: string }[];
  /** Kinds that the server does not know. */
  missing(): readonly string[];
  /** The longest time, over all types that were listed, since the server was last heard. */
  stalenessMs(): number;
  stop(): Promise<void>;
}

/** Watches start at once, those of `onDemand` when somebody asks; `stop` (or the signal) ends them. */
export function startInformers(
  deps: InformerDeps,
  types: readonly ResourceType[],
  signal?: AbortSignal,
  onDemand: readonly ResourceType[] = [],
): Informers {
  const stopping = new AbortController();
  const ended = signal === undefined ? stopping.signal : AbortSignal.any([stopping.signal, signal]);
  const store = new ObjectStore((err) => deps.log.error({ err }, 'A listener of the object cache failed.'));
  const runs: Promise<void>[] = [];
  const start = (type: ResourceType): readonly Informer[] => {
    const namespaces = type.namespaced && deps.namespaces !== undefined ? deps.namespaces : [];
    const scopes: readonly (string | undefined)[] = namespaces.length === 0 ? [undefined] : namespaces;
    const started = scopes.map((namespace) => new Informer(deps, store, type, namespace, ended));
    runs.push(...started.map((informer) => informer.run()));
    return started;
  };
  const always = types.flatMap(start);
  const fromTheStart = new Set(types.map(keyOf));
  const asked = new Map<string, readonly Informer[]>();
  const waiting = new Set(onDemand.map(keyOf));
  const all = (): readonly Informer[] => [...always, ...[...asked.values()].flat()];

  return {
    get: (ref) => store.get(ref),
    list: (type, namespace) => store.list(type, namespace),
    covers: (type) => {
      const key = keyOf(type);
      if (waiting.delete(key)) {
        deps.log.info({ kind: type.kind, group: type.group }, 'A kind is watched from now on: a Release is about it.');
        asked.set(key, start(type));
      }
      return asked.get(key)?.every((informer) => informer.hasSynced) ?? fromTheStart.has(key);
    },
    subscribe: (listener) => store.subscribe(listener),
    synced: async () => {
      await Promise.all(always.map((informer) => informer.synced));
    },
    unsynced: () =>
      always
        .filter((informer) => !informer.hasSynced)
        .map((informer) => ({ kind: informer.kind, because: informer.trouble ?? 'not listed yet' })),
    missing: () => all().flatMap((informer) => (informer.isMissing ? informer.kind : [])),
    stalenessMs: () => {
      const heard = all().filter((informer) => always.includes(informer) || informer.hasSynced);
      return Math.max(0, ...heard.map((informer) => deps.clock.nowMs() - informer.lastHeardMs));
    },
    stop: async () => {
      stopping.abort(new SerinError('SERIN_E_ABORTED', 'The informers are stopping. Nothing has to be done.'));
      await Promise.all(runs);
    },
  };
}

const keyOf = ({ group, kind }: ResourceType): string => `${group}/${kind}`;

type WatchEnd = 'ended' | 'silent' | 'relist';

class Informer {
  readonly #deps: InformerDeps;
  readonly #store: ObjectStore;
  readonly #type: ResourceType;
  readonly #namespace: string | undefined;
  readonly #ended: AbortSignal;
  readonly #times: InformerTimes;
  readonly #sync = Promise.withResolvers<void>();
  hasSynced = false;
  isMissing = false;
  trouble: string | undefined;
  lastHeardMs: number;

  constructor(
    deps: InformerDeps,
    store: ObjectStore,
    type: ResourceType,
    namespace: string | undefined,
    ended: AbortSignal,
  ) {
    this.#deps = deps;
    this.#store = store;
    this.#type = type;
    this.#namespace = namespace;
    this.#ended = ended;
    this.#times = { ...TIMES, ...deps.times };
    this.lastHeardMs = deps.clock.nowMs();
  }

  get kind(): string {
    return this.#type.kind;
  }

  get synced(): Promise<void> {
    return this.#sync.promise;
  }

  /** Never rejects: ends when the signal does. */
  async run(): Promise<void> {
    const { random, clock } = this.#deps;
    const { backoffBaseMs, backoffCapMs, missingMs } = this.#times;
    const backoff = createBackoff(random, { baseMs: backoffBaseMs, capMs: backoffCapMs });
    let version: string | undefined;
    let relistAtMs = 0;
    while (!this.#ended.aborted) {
      const startedMs = clock.nowMs();
      let waitMs = 0;
      try {
        if (version === undefined) {
          version = await this.#list();
          relistAtMs = clock.nowMs() + this.#times.relistMs * (0.8 + 0.4 * random());
        }
        const { end, newest } = await this.#watch(version, relistAtMs);
        version = end === 'ended' ? newest : undefined;
        this.#restarted(end);
        // A server that ends every watch at once would otherwise be asked in a tight loop.
        if (clock.nowMs() - startedMs >= 1_000) backoff.reset();
        else waitMs = backoff.nextMs();
      } catch (thrown) {
        if (this.#ended.aborted) return;
        version = this.#resumeAfter(thrown, version);
        waitMs = isSlow(causeOf(thrown)) ? missingMs * (0.8 + 0.4 * random()) : backoff.nextMs();
      }
      await clock.sleep(waitMs, this.#ended).catch(() => undefined);
    }
  }

  async #list(): Promise<string> {
    const list = await this.#deps.kube.list(
      this.#type,
      this.#namespace === undefined ? {} : { namespace: this.#namespace },
      this.#ended,
    );
    this.#heard();
    this.isMissing = false;
    this.#store.replace(this.#type, this.#namespace, list.items.map(slim));
    this.#markSynced();
    return list.resourceVersion;
  }

  async #watch(version: string, relistAtMs: number): Promise<{ end: WatchEnd; newest: string }> {
    const { clock, kube } = this.#deps;
    const cut = new AbortController();
    const done = new AbortController();
    let newest = version;
    let end: WatchEnd = 'ended';
    const deadline = this.#deadline(relistAtMs, done.signal).then((reason) => {
      if (reason === undefined) return;
      end = reason;
      cut.abort(new SerinError('SERIN_E_ABORTED', 'The watch is replaced by a list. Nothing has to be done.'));
    });
    try {
      const options = this.#namespace === undefined ? {} : { namespace: this.#namespace };
      const signal = AbortSignal.any([cut.signal, this.#ended]);
      for await (const event of kube.watch(this.#type, { ...options, resourceVersion: version }, signal)) {
        this.#heard();
        if (event.type === 'BOOKMARK') newest = event.resourceVersion;
        else {
          newest = event.object.metadata.resourceVersion ?? newest;
          if (event.type === 'DELETED') this.#store.remove(this.#type, event.object);
          else this.#store.put(this.#type, slim(event.object));
        }
      }
    } catch (thrown) {
      if (!cut.signal.aborted) throw new WatchBroken(newest, thrown);
    } finally {
      done.abort();
      await deadline;
    }
    // A server without bookmarks may end watches quietly for ever: silence counts over all of them.
    if (end === 'ended' && clock.nowMs() - this.lastHeardMs > this.#times.silenceMs) end = 'silent';
    return { end, newest };
  }

  /** Waits until a list is due and says why; `undefined` when the watch ended first. */
  async #deadline(relistAtMs: number, done: AbortSignal): Promise<'relist' | 'silent' | undefined> {
    const { clock } = this.#deps;
    for (;;) {
      const silentAtMs = this.lastHeardMs + this.#times.silenceMs;
      const nowMs = clock.nowMs();
      if (nowMs >= relistAtMs) return 'relist';
      if (nowMs >= silentAtMs) return 'silent';
      try {
        await clock.sleep(Math.min(relistAtMs, silentAtMs) - nowMs, done);
      } catch {
        return undefined;
      }
    }
  }

  /** Where to go on after trouble: `undefined` means with a list. */
  #resumeAfter(thrown: unknown, version: string | undefined): string | undefined {
    const cause = causeOf(thrown);
    const code = cause instanceof SerinError ? cause.code : undefined;
    const { log } = this.#deps;
    this.trouble = cause instanceof Error ? cause.message : String(cause);
    if (code === 'SERIN_E_GONE') {
      this.#restarted('gone');
      return undefined;
    }
    if (code === 'SERIN_E_NOT_FOUND') {
      this.#heard();
      this.isMissing = true;
      if (!this.hasSynced)
        log.info({ kind: this.kind }, 'The API server does not know a kind; it is looked for again.');
      this.#store.replace(this.#type, this.#namespace, []);
      this.#markSynced();
      this.#restarted('missing');
      return undefined;
    }
    if (code === 'SERIN_E_FORBIDDEN') {
      log.warn({ kind: this.kind, err: cause }, 'A kind may not be watched; grant list and watch.');
      this.#restarted('forbidden');
      return undefined;
    }
    log.warn({ kind: this.kind, err: cause }, 'A watch broke and is started again.');
    this.#restarted('broken');
    return thrown instanceof WatchBroken ? thrown.newest : version;
  }

  #heard(): void {
    this.lastHeardMs = this.#deps.clock.nowMs();
    this.#deps.telemetry?.heard(this.kind, this.lastHeardMs);
  }

  #restarted(reason: string): void {
    this.#deps.telemetry?.watchRestarted(this.kind, reason);
  }

  #markSynced(): void {
    this.hasSynced = true;
    this.trouble = undefined;
    this.#sync.resolve();
  }
}

/** A watch that broke, and how far it had come. */
class WatchBroken extends Error {
  readonly newest: string;

  constructor(newest: string, cause: unknown) {
    super('watch broken', { cause });
    this.newest = newest;
  }
}

const causeOf = (thrown: unknown): unknown => (thrown instanceof WatchBroken ? thrown.cause : thrown);

const isSlow = (thrown: unknown): boolean =>
  thrown instanceof SerinError && (thrown.code === 'SERIN_E_NOT_FOUND' || thrown.code === 'SERIN_E_FORBIDDEN');

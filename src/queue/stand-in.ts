/**
 * Keeps the keys of one worker going in this process while the store does not take them: equal keys coalesce and never run beside
 * themselves, timers wait here. What falls due is offered to the store again first, so that it goes back there by itself.
 */
import { SerinError } from '../errors.ts';
import { backoffMs } from './backoff.ts';

export interface Entry {
  readonly key: string;
  readonly payload?: string;
  /** Once per key; see `EnqueueOptions`. */
  readonly once?: boolean;
}

export interface StandInDeps {
  /** Keys at once. */
  readonly seats: number;
  /** Looks at it now; a number asks to be called again after so many ms. */
  readonly run: (entry: Entry) => Promise<number | undefined>;
  /** It is due again: to the store, or, where that is still away, to `take`. */
  readonly offer: (entry: Entry) => Promise<void>;
  /** Told of what is not tried again. */
  readonly onDropped: (error: unknown) => void;
  /** Aborts when the worker closes. */
  readonly signal: AbortSignal;
}

/** Keys of which it is remembered that they were to be done once. */
const MOST_ONCE = 10_000;

export class StandIn {
  readonly #deps: StandInDeps;
  readonly #ready = new Map<string, Entry>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #once = new Set<string>();
  readonly #failures = new Map<string, number>();
  #isClosed = false;

  constructor(deps: StandInDeps) {
    this.#deps = deps;
  }

  /** As an enqueue would: now, or after a while; the newest of equal timers counts. `false`: it is closed. */
  take(entry: Entry, afterMs = 0): boolean {
    if (this.#isClosed) return false;
    if (entry.once === true && this.#isKnown(entry.key)) return true;
    if (afterMs > 0) this.#wait(entry, afterMs, () => this.#deps.offer(entry));
    else this.#ready.set(entry.key, entry);
    this.#fill();
    return true;
  }

  /** Takes no more and forgets what waits; resolves when what runs has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#ready.clear();
    await Promise.all(this.#running.values());
  }

  #isKnown(key: string): boolean {
    if (this.#once.has(key)) return true;
    this.#once.add(key);
    const [oldest] = this.#once;
    if (this.#once.size > MOST_ONCE && oldest !== undefined) this.#once.delete(oldest);
    return false;
  }

  #fill(): void {
    for (const [key, entry] of this.#ready) {
      if (this.#running.size >= this.#deps.seats) return;
      if (this.#running.has(key)) continue;
      this.#ready.delete(key);
      const done = this.#look(entry).finally(() => {
        this.#running.delete(key);
        this.#fill();
      });
      this.#running.set(key, done);
    }
  }

  async #look(entry: Entry): Promise<void> {
    const { key } = entry;
    try {
      const againAfterMs = await this.#deps.run(entry);
      this.#failures.delete(key);
      if (againAfterMs !== undefined) this.#again(entry, againAfterMs);
    } catch (thrown) {
      if (this.#deps.signal.aborted) return;
      if (thrown instanceof SerinError && !thrown.retryable) {
        this.#failures.delete(key);
        this.#deps.onDropped(thrown);
        return;
      }
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      this.#again(entry, backoffMs(failures, Math.random()));
    }
  }

  /** What is to be done once is done here: the store would not know that it was begun. */
  #again(entry: Entry, afterMs: number): void {
    this.#wait(entry, Math.max(1, afterMs), async () => {
      if (entry.once !== true) return this.#deps.offer(entry);
      this.#ready.set(entry.key, entry);
      this.#fill();
    });
  }

  #wait({ key }: Entry, afterMs: number, then: () => Promise<void>): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timers.get(key));
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      then().catch(this.#deps.onDropped);
    }, afterMs);
    this.#timers.set(key, timer);
  }
}

/** Work by key: one run per key at a time, a key that comes again while it runs is run once more, failures back off. */
import type { Clock } from '../../clock.ts';
import { messageOf, SerinError } from '../../errors.ts';

export interface KeyedQueue {
  add(key: string): void;
  addAfter(key: string, ms: number): void;
}

export interface KeyedQueueOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly run: (key: string) => Promise<void>;
  /** Told of anything but objects that changed or went, and an API server that does not answer, which are tried again in silence. */
  readonly onTrouble: (sentence: string) => void;
}

export function createKeyedQueue({ clock, signal, run, onTrouble }: KeyedQueueOptions): KeyedQueue {
  const running = new Set<string>();
  const again = new Set<string>();
  const failures = new Map<string, number>();
  const add = (key: string): void => {
    if (signal.aborted) return;
    if (running.has(key)) {
      again.add(key);
      return;
    }
    running.add(key);
    // Changes that arrive together are worked off together.
    setImmediate(() => {
      void run(key)
        .then(
          () => failures.delete(key),
          async (thrown: unknown) => {
            const isGone = thrown instanceof SerinError && thrown.code === 'SERIN_E_NOT_FOUND';
            const isExpected = signal.aborted || isGone || (thrown instanceof SerinError && thrown.retryable);
            if (!isExpected) onTrouble(`Syncing ${key}: ${messageOf(thrown)}`);
            const count = (failures.get(key) ?? 0) + 1;
            failures.set(key, count);
            again.add(key);
            await clock.sleep(Math.min(25 * 2 ** count, 2_000), signal).catch(() => undefined);
          },
        )
        .finally(() => {
          running.delete(key);
          if (again.delete(key)) add(key);
        });
    });
  };
  return {
    add,
    addAfter: (key, ms) =>
      void clock.sleep(ms, signal).then(
        () => add(key),
        () => undefined,
      ),
  };
}

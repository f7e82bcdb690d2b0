/** Runs keys in this process without asking the store. The same key goes through the store too, which repeats what fails here. */

interface Ride {
  readonly key: string;
  readonly payload?: string;
}

export class Express {
  readonly #seats: number;
  readonly #run: (ride: Ride) => Promise<void>;
  readonly #riding = new Set<Promise<void>>();

  constructor(seats: number, run: (ride: Ride) => Promise<void>) {
    this.#seats = seats;
    this.#run = run;
  }

  /** Whether there was room; who finds none is served by the store alone. */
  take(ride: Ride): boolean {
    if (this.#riding.size >= this.#seats) return false;
    const done: Promise<void> = this.#run(ride)
      .catch(() => undefined)
      .finally(() => this.#riding.delete(done));
    this.#riding.add(done);
    return true;
  }

  /** When all that are on their way have ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#riding);
  }
}

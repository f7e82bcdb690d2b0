/**
 * The embedded database seen from Serin: what `pg.Pool` is to BullMQ, over messages to a child process.
 * PGlite is one PostgreSQL session, so statements run one at a time, and a transaction keeps the others waiting.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PgPool, PgPoolClient, PgQueryResult } from 'bullmq';
import { backoffMs } from './backoff.ts';
import type { FromEmbedded, ToEmbedded } from './embedded-messages.ts';
import { entryFile } from '../package-files.ts';
import { userCacheFolder } from '../user-cache.ts';

/** On a machine that is overloaded; a first start takes four seconds of a core. */
const START_TIMEOUT_MS = 180_000;
/** How often dead rows and the write-ahead log are cleared; takes some 50 ms. */
const TEND_EVERY_MS = 60_000;
/** The JavaScript side of PGlite makes garbage quickly and keeps little: a small young generation costs nothing and saves 100 MiB. */
const CHILD_FLAGS = ['--max-semi-space-size=2'];

interface Waiting {
  resolve(result: { rows: unknown[]; rowCount: number | null }): void;
  reject(error: Error): void;
}

/** BullMQ waits before it asks again only when an error bears the code of a refused connection; else it asks in a tight loop. */
const gone = (): Error =>
  Object.assign(new Error('the embedded database is not running; it is being started again'), { code: 'ECONNREFUSED' });

/** One client of the pool. All share one session; each sees every notification, as BullMQ filters by queue. */
class EmbeddedClient extends EventEmitter {
  readonly #database: EmbeddedDatabase;
  #leaveTransaction: (() => void) | undefined;

  constructor(database: EmbeddedDatabase) {
    super();
    this.setMaxListeners(0);
    this.#database = database;
  }

  /** Statements between BEGIN and COMMIT or ROLLBACK run with nobody else's in between. */
  async query<R>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<R>> {
    if (/^\s*BEGIN\b/i.test(text)) this.#leaveTransaction = await this.#database.enterTransaction();
    try {
      return await this.#database.ask<R>(text, params, this.#leaveTransaction !== undefined);
    } finally {
      if (/^\s*(COMMIT|ROLLBACK)\b/i.test(text)) this.#leave();
    }
  }

  #leave(): void {
    this.#leaveTransaction?.();
    this.#leaveTransaction = undefined;
  }

  release(): void {
    this.#database.forget(this);
    // Whoever lets go in the middle of a transaction did not finish it.
    if (this.#leaveTransaction !== undefined) void this.query('ROLLBACK').catch(() => undefined);
  }
}

/** Prepares a session whose process just started: schema and search path. */
type Prepare = (database: EmbeddedDatabase) => Promise<void>;

export class EmbeddedDatabase extends EventEmitter {
  readonly #dir: string | undefined;
  readonly #seedFolder: string;
  readonly #prepare: Prepare;
  readonly #waiting = new Map<number, Waiting>();
  readonly #clients = new Set<EmbeddedClient>();
  #child: ChildProcess | undefined;
  #isReady = false;
  #nextId = 1;
  #turn: Promise<void> = Promise.resolve();
  #inTransaction = false;
  readonly #closing = new AbortController();

  private constructor(dir: string | undefined, prepare: Prepare, seedFolder: string) {
    super();
    this.setMaxListeners(0);
    this.#dir = dir;
    this.#seedFolder = seedFolder;
    this.#prepare = prepare;
  }

  /** Starts the process; `dir` keeps the database on disk, else it is in memory. */
  static async start(
    dir: string | undefined,
    prepare: Prepare,
    tendEveryMs = TEND_EVERY_MS,
    seedFolder = userCacheFolder('embedded'),
  ): Promise<EmbeddedDatabase> {
    const database = new EmbeddedDatabase(dir, prepare, seedFolder);
    try {
      await database.#boot();
    } catch (thrown) {
      await database.stop();
      throw thrown;
    }
    void database.#tend(tendEveryMs);
    return database;
  }

  /** PGlite has no background processes: without this, rows of finished jobs and the log would grow for as long as Serin runs. */
  async #tend(everyMs: number): Promise<void> {
    const { signal } = this.#closing;
    for (let asked = 0; !signal.aborted; asked = this.#nextId) {
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted || !this.#isReady || this.#nextId === asked) continue;
      try {
        await this.query('VACUUM');
        await this.query('CHECKPOINT');
      } catch (thrown) {
        if (!signal.aborted) this.#report(thrown instanceof Error ? thrown : gone());
      }
    }
  }

  async #boot(): Promise<void> {
    const child = fork(
      entryFile('queue/embedded-process'),
      [this.#seedFolder, ...(this.#dir === undefined ? [] : [this.#dir])],
      {
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        execArgv: CHILD_FLAGS,
        env: {},
      },
    );
    this.#child = child;
    child.on('message', (message: FromEmbedded) => this.#take(message));
    child.once('exit', () => this.#lose(child));
    child.on('error', () => undefined);
    const isStarted = await Promise.race([
      once(this, 'started', { signal: AbortSignal.timeout(START_TIMEOUT_MS) }).then(
        () => true,
        () => false,
      ),
      once(child, 'exit').then(
        () => false,
        () => false,
      ),
    ]);
    if (!isStarted) throw gone();
    await this.#prepare(this);
    this.#isReady = true;
  }

  /** After the process was lost: what it held is gone, the queue goes on empty (or from `dir`). */
  async #revive(): Promise<void> {
    for (let attempt = 1; !this.#closing.signal.aborted; attempt += 1) {
      try {
        await sleep(backoffMs(attempt, Math.random()), undefined, { signal: this.#closing.signal });
        await this.#boot();
        return;
      } catch (thrown) {
        await end(this.#child);
        if (!this.#closing.signal.aborted) this.#report(thrown instanceof Error ? thrown : gone());
      }
    }
  }

  /** As `pg.Pool` has it: a client to keep, for LISTEN or a transaction. */
  connect(): Promise<PgPoolClient> {
    if (this.#child?.connected !== true) return Promise.reject(gone());
    const client = new EmbeddedClient(this);
    this.#clients.add(client);
    return Promise.resolve(client as unknown as PgPoolClient);
  }

  query<R>(text: string, params?: readonly unknown[]): Promise<PgQueryResult<R>> {
    return this.ask<R>(text, params, false);
  }

  /** BullMQ leaves a pool that it was given to its owner: this ends nothing, `stop` does. */
  end(): Promise<void> {
    return Promise.resolve();
  }

  /** This object as the pool that BullMQ knows; it asks for no more than the methods above. */
  asPool(): PgPool {
    return this as unknown as PgPool;
  }

  async ask<R>(text: string, params: readonly unknown[] | undefined, isOwner: boolean): Promise<PgQueryResult<R>> {
    while (this.#inTransaction && !isOwner) await this.#turn;
    const child = this.#child;
    if (child?.connected !== true) throw gone();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<{ rows: unknown[]; rowCount: number | null }>();
    this.#waiting.set(id, { resolve, reject });
    const message: ToEmbedded = params === undefined ? { id, text } : { id, text, params: [...params] };
    child.send(message, (error) => {
      if (error) this.#settle(id)?.reject(gone());
    });
    return (await promise) as PgQueryResult<R>;
  }

  /** Waits for its turn and keeps it; answers how to give it up. */
  async enterTransaction(): Promise<() => void> {
    while (this.#inTransaction) await this.#turn;
    this.#inTransaction = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    return () => {
      this.#inTransaction = false;
      resolve();
    };
  }

  forget(client: EmbeddedClient): void {
    this.#clients.delete(client);
  }

  async stop(): Promise<void> {
    this.#closing.abort();
    await end(this.#child);
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #take(message: FromEmbedded): void {
    switch (message.kind) {
      case 'ready':
        this.emit('started');
        return;
      case 'rows':
        this.#settle(message.id)?.resolve({ rows: [...message.rows], rowCount: message.rowCount ?? null });
        return;
      case 'error':
        this.#settle(message.id)?.reject(Object.assign(new Error(message.message), { code: message.code }));
        return;
      case 'notification':
        for (const client of this.#clients) {
          client.emit('notification', { channel: message.channel, payload: message.payload });
        }
    }
  }

  #lose(child: ChildProcess): void {
    if (child !== this.#child) return;
    for (const waiting of this.#waiting.values()) waiting.reject(gone());
    this.#waiting.clear();
    if (this.#closing.signal.aborted || !this.#isReady) return;
    this.#isReady = false;
    for (const client of this.#clients) if (client.listenerCount('error') > 0) client.emit('error', gone());
    this.#clients.clear();
    this.#report(gone());
    void this.#revive();
  }

  #report(error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }
}

/** Ends a process by closing its channel, or the hard way where that is not there. */
async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  if (child.connected) child.disconnect();
  else child.kill('SIGKILL');
  await exited;
}

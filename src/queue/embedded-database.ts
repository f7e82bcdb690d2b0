/**
 * The embedded database seen from Serin: what `pg.Pool` is to BullMQ, over messages to a child process.
 * PGlite is one PostgreSQL session, so statements run one at a time, and a transaction keeps the others waiting.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { PgPool, PgPoolClient, PgQueryResult } from 'bullmq';
import { SerinError } from '../errors.ts';
import type { FromEmbedded, ToEmbedded } from './embedded-messages.ts';

const START_TIMEOUT_MS = 60_000;

interface Waiting {
  resolve(result: { rows: unknown[]; rowCount: number | null }): void;
  reject(error: Error): void;
}

const gone = (): SerinError =>
  new SerinError('SERIN_E_QUEUE', 'The embedded queue database ended unexpectedly. Start Serin again, or use Redis.');

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
    this.#leave();
    this.#database.forget(this);
  }
}

export class EmbeddedDatabase extends EventEmitter {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #clients = new Set<EmbeddedClient>();
  #nextId = 1;
  #turn: Promise<void> = Promise.resolve();
  #inTransaction = false;
  #isClosing = false;

  private constructor(child: ChildProcess) {
    super();
    this.#child = child;
    child.on('message', (message: FromEmbedded) => this.#take(message));
    child.on('exit', () => this.#lose());
  }

  /** Starts the process; `dir` keeps the database on disk, else it is in memory. */
  static async start(dir?: string): Promise<EmbeddedDatabase> {
    const isSource = import.meta.url.endsWith('.ts');
    const file = fileURLToPath(new URL(isSource ? './embedded-process.ts' : './embedded-process.js', import.meta.url));
    const child = fork(file, dir === undefined ? [] : [dir], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
      env: { PATH: '', NODE_OPTIONS: '' },
    });
    const database = new EmbeddedDatabase(child);
    const started = await Promise.race([
      once(database, 'started', { signal: AbortSignal.timeout(START_TIMEOUT_MS) }).then(
        () => true,
        () => false,
      ),
      once(child, 'exit').then(() => false),
    ]);
    if (started) return database;
    child.kill('SIGKILL');
    throw gone();
  }

  /** As `pg.Pool` has it: a client to keep, for LISTEN or a transaction. */
  connect(): Promise<PgPoolClient> {
    if (!this.#child.connected) return Promise.reject(gone());
    const client = new EmbeddedClient(this);
    this.#clients.add(client);
    return Promise.resolve(client satisfies EventEmitter as unknown as PgPoolClient);
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
    if (!this.#child.connected) throw gone();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<{ rows: unknown[]; rowCount: number | null }>();
    this.#waiting.set(id, { resolve, reject });
    const message: ToEmbedded = params === undefined ? { id, text } : { id, text, params: [...params] };
    this.#child.send(message, (error) => {
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
    this.#isClosing = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    else this.#child.kill('SIGKILL');
    await exited;
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

  #lose(): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id)?.reject(gone());
    if (this.#isClosing) return;
    for (const client of this.#clients) if (client.listenerCount('error') > 0) client.emit('error', gone());
    if (this.listenerCount('error') > 0) this.emit('error', gone());
  }
}

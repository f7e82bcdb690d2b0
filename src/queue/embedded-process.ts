/**
 * Child process: one PGlite database, asked over the parent's message channel. It lives as long as that channel,
 * so a parent that is killed leaves nothing behind, and no port is open to other users of the machine.
 */
import { PGlite } from '@electric-sql/pglite';
import type { FromEmbedded, ToEmbedded } from './embedded-messages.ts';
import { createFromSeed } from './embedded-seed.ts';

/** The queue is a few thousand small rows: PostgreSQL's usual buffers (128 MiB) would only ever fill with what is long done. */
const SETTINGS = ['shared_buffers=8MB', 'max_wal_size=32MB', 'min_wal_size=32MB'];

async function main(): Promise<void> {
  const send = (message: FromEmbedded): void => {
    // A parent that goes away while an answer is on its way is no error here; `disconnect` follows.
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  process.once('disconnect', () => process.exit(0));
  // The parent decides when to end; a Ctrl-C at a terminal reaches the whole group.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);

  const options = {
    relaxedDurability: true,
    startParams: [...PGlite.defaultStartParams, ...SETTINGS.flatMap((setting) => ['-c', setting])],
  };
  const [seedFolder = '', dataDir] = process.argv.slice(2);
  const database =
    dataDir === undefined ? await createFromSeed(options, seedFolder) : await PGlite.create({ ...options, dataDir });
  database.onNotification((channel, payload) => send({ kind: 'notification', channel, payload }));

  const answer = async ({ id, text, params }: ToEmbedded): Promise<void> => {
    try {
      if (params === undefined) {
        const results = await database.exec(text);
        send({ kind: 'rows', id, rows: results.at(-1)?.rows ?? [] });
        return;
      }
      const { rows, affectedRows } = await database.query(text, params);
      send({ kind: 'rows', id, rows, ...(affectedRows === undefined ? {} : { rowCount: affectedRows }) });
    } catch (thrown) {
      const { message = String(thrown), code } = thrown as { message?: string; code?: string };
      send({ kind: 'error', id, message, ...(code === undefined ? {} : { code }) });
    }
  };
  process.on('message', (message: ToEmbedded) => void answer(message));
  send({ kind: 'ready' });
}

await main();

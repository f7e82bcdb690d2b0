/** A port for a child process that cannot take port 0 and tell which one it got. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the range from which systems take ports for outgoing connections and for port 0 (Linux: from 32 768). */
const FROM = 15_000;
const TO = 32_000;
const TRIES = 100;

/**
 * A port of 127.0.0.1 that nobody listens on, from a range the system itself gives nothing from: between the answer and the
 * start of the child (or its restart) no other connection or listener falls on it by chance.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FROM, TO);
    if (await isFree(port)) return port;
  }
  throw new Error(`No free port of 127.0.0.1 between ${FROM} and ${TO} in ${TRIES} tries.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

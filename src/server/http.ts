/**
 * The probe and metrics port: `/livez` (the event loop turns), `/readyz` (everything it depends on answers; `?verbose`
 * says what does not) and `/metrics`. Read-only, and apart from anything for people.
 */
import Fastify from 'fastify';
import { messageOf, SerinError } from '../errors.ts';
import { scrub } from '../logger.ts';
import type { Telemetry } from '../telemetry.ts';

export interface ReadinessCheck {
  readonly name: string;
  /** Resolves when all is well; rejects or outlasts the signal when not. The message is shown to whoever asks. */
  readonly check: (signal: AbortSignal) => Promise<void> | void;
}

export interface HttpServer {
  /** `http://127.0.0.1:8080`, with the port that was really taken. */
  readonly url: string;
  /** From now on `/readyz` answers 503, so that no more traffic or work is sent here. */
  drain(): void;
  close(): Promise<void>;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly telemetry: Pick<Telemetry, 'expose'>;
  readonly checks: readonly ReadinessCheck[];
  /** Longest time for all checks together (default 2 s, below the kubelet's patience). */
  readonly checkTimeoutMs?: number;
}

interface CheckResult {
  readonly name: string;
  readonly trouble: string | undefined;
}

async function runCheck({ name, check }: ReadinessCheck, signal: AbortSignal): Promise<CheckResult> {
  const late = Promise.withResolvers<never>();
  const onAbort = (): void => late.reject(new Error('no answer in time'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([check(signal), late.promise]);
    return { name, trouble: undefined };
  } catch (thrown) {
    return { name, trouble: scrub(messageOf(thrown)) };
  } finally {
    // A promise that is rejected after nobody waits for it any more would end the process.
    signal.removeEventListener('abort', onAbort);
  }
}

export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, telemetry, checks, checkTimeoutMs = 2_000 } = options;
  const app = Fastify({ forceCloseConnections: true, routerOptions: { ignoreTrailingSlash: true } });
  let isDraining = false;

  app.get('/livez', (_request, reply) => reply.type('text/plain').send('ok\n'));

  app.get<{ Querystring: { verbose?: string } }>('/readyz', async (request, reply) => {
    const signal = AbortSignal.timeout(checkTimeoutMs);
    const results = await Promise.all(checks.map((check) => runCheck(check, signal)));
    const shutdown = { name: 'shutdown', trouble: isDraining ? 'the process is stopping' : undefined };
    const all = [...results, shutdown];
    const isReady = all.every((result) => result.trouble === undefined);
    const lines = all.map(({ name, trouble }) =>
      trouble === undefined ? `[+] ${name} ok` : `[-] ${name}: ${trouble}`,
    );
    const shown = request.query.verbose === undefined ? lines.filter((line) => line.startsWith('[-]')) : lines;
    await reply
      .code(isReady ? 200 : 503)
      .type('text/plain')
      .send(`${[...shown, isReady ? 'ready' : 'not ready'].join('\n')}\n`);
  });

  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await telemetry.expose();
    await reply.type(contentType).send(body);
  });

  let address: string;
  try {
    address = await app.listen({ host, port });
  } catch (cause) {
    throw new SerinError(
      'SERIN_E_CONFIG',
      `Port ${port} on ${host} cannot be listened on: ${messageOf(cause)}. Choose another --http-port.`,
      { cause },
    );
  }
  return {
    url: address.replace('0.0.0.0', '127.0.0.1').replace('[::]', '127.0.0.1'),
    drain: () => {
      isDraining = true;
    },
    close: () => app.close(),
  };
}

/** One bounded POST: 5 seconds, 8 KB of answer, no redirects, no connection kept. What went wrong is said without the address. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { SerinError } from '../errors.ts';
import { destinationOf } from './destination.ts';
import { codeOf } from './failure.ts';

const TIMEOUT_MS = 5_000;
const ANSWER_LIMIT = 8_192;

export interface ExchangeOptions {
  /** Hosts that may be spoken to; see `destinationOf`. */
  readonly hosts: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The first KBs of it. */
  readonly text: string;
}

/** The answer, whatever it is. Throws `SERIN_E_NOTIFY` when there is none and `SERIN_E_INVALID_SPEC` for an address that is not allowed. */
export async function exchange(
  address: string,
  body: string,
  { hosts, headers, signal }: ExchangeOptions,
): Promise<Answer> {
  const { url, lookup } = destinationOf(address, hosts);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const asked = request(
        url,
        {
          method: 'POST',
          agent: false,
          lookup,
          signal: limit,
          headers: { ...headers, 'content-length': Buffer.byteLength(body), 'user-agent': 'serin' },
        },
        (response) => {
          let text = '';
          const done = (): void =>
            resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], text });
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            text += chunk;
            if (text.length < ANSWER_LIMIT) return;
            text = text.slice(0, ANSWER_LIMIT);
            done();
            response.destroy();
          });
          response.on('end', done);
          response.on('error', reject);
        },
      );
      asked.on('error', reject);
      asked.end(body);
    });
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof SerinError) throw cause;
    const why = limit.aborted
      ? `did not answer within ${TIMEOUT_MS / 1_000} s`
      : `cannot be reached (${codeOf(cause)})`;
    throw new SerinError('SERIN_E_NOTIFY', `The receiver ${why}. It is tried again later.`);
  }
}

/** One bounded POST: 5 seconds, 8 KB of answer, no redirects, no connection kept. What went wrong is said without the address. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { SerinError, messageOf } from '../errors.ts';
import { destinationOf } from './destination.ts';

const TIMEOUT_MS = 5_000;
const ANSWER_LIMIT = 8_192;
const LONGEST_RETRY_AFTER_MS = 300_000;

export interface PostOptions {
  /** Hosts that messages may go to; see `destinationOf`. */
  readonly hosts: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Ms since the epoch, to read a `Retry-After` date against. */
  readonly nowMs: number;
}

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The first KBs of it. */
  readonly text: string;
}

/**
 * Resolves when the receiver took it (2xx). Throws `SERIN_E_NOTIFY` when trying again may help (no connection, timeout, 408, 425,
 * 429, 5xx) and `SERIN_E_INVALID_SPEC` when it will not (redirects, other 4xx, an address that is not allowed).
 */
export async function post(address: string, body: string, options: PostOptions): Promise<void> {
  const answer = await exchange(address, body, options);
  const { status } = answer;
  if (status >= 200 && status < 300) return;
  if (status >= 300 && status < 400) {
    throw new SerinError(
      'SERIN_E_INVALID_SPEC',
      `The receiver answers ${status}, a redirect, which is not followed. Put its final address into the Secret.`,
      { fields: { status } },
    );
  }
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const retryAfterMs = retryAfterOf(answer.retryAfter, options.nowMs);
    throw new SerinError('SERIN_E_NOTIFY', `The receiver answers ${status}. It is tried again later.`, {
      fields: { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
    });
  }
  throw new SerinError(
    'SERIN_E_INVALID_SPEC',
    `The receiver refuses the message with ${status}${shownAnswer(answer.text)}. Check the address in the Secret.`,
    { fields: { status } },
  );
}

/** The answer, whatever it is. Throws `SERIN_E_NOTIFY` when there is none and `SERIN_E_INVALID_SPEC` for an address that is not allowed. */
export async function exchange(
  address: string,
  body: string,
  { hosts, headers, signal }: Omit<PostOptions, 'nowMs'>,
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

/** A short code such as `ECONNREFUSED`: the whole message would hold the address. */
function codeOf(cause: unknown): string {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : messageOf(cause).split(/[\s:]/, 1).join('');
}

/** What a refusal says, e.g. Slack's `no_service`; only a plain word, since an error page may repeat the address. */
const shownAnswer = (text: string): string => (/^[a-z_]{1,64}$/.test(text.trim()) ? ` (${text.trim()})` : '');

/** `Retry-After` as seconds or a date, at most five minutes. */
function retryAfterOf(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}

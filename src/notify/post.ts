/** A message to its receiver: which answers mean that it was taken, that it is worth another try, or that it is not. */
import { SerinError } from '../errors.ts';
import { exchange, type ExchangeOptions } from '../outgoing/exchange.ts';

const LONGEST_RETRY_AFTER_MS = 300_000;

export interface PostOptions extends ExchangeOptions {
  /** Ms since the epoch, to read a `Retry-After` date against. */
  readonly nowMs: number;
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

/** What a refusal says, e.g. Slack's `no_service`; only a plain word, since an error page may repeat the address. */
const shownAnswer = (text: string): string => (/^[a-z_]{1,64}$/.test(text.trim()) ? ` (${text.trim()})` : '');

/** `Retry-After` as seconds or a date, at most five minutes. */
function retryAfterOf(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(LONGEST_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}

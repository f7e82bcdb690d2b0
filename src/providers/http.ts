/**
 * One bounded HTTP exchange of a provider: a time limit over all of it, 4 MiB of answer, redirects of GET as Go's client follows them
 * (ten at most, own headers only to the same host). Never to link-local addresses, where clouds keep their metadata services.
 */
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isAllowedAddress, literalOf, lookupAmongAllowed } from '../outgoing/addresses.ts';
import { codeOf } from '../outgoing/failure.ts';

const ANSWER_LIMIT = 4 * 1024 * 1024;
const MOST_REDIRECTS = 10;

export interface Exchange {
  /** Whose answer it is, for messages: `The web service`. */
  readonly who: string;
  readonly url: string;
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether certificates are taken as they are. */
  readonly isInsecure: boolean;
  readonly timeoutMs: number;
}

export type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string }
  | { readonly kind: 'error'; readonly message: string };

/** Rejects only when the signal aborts. No address is in a message: it may hold a secret. */
export async function exchange(asked: Exchange, signal: AbortSignal): Promise<Answer> {
  signal.throwIfAborted();
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), asked.timeoutMs);
  const limit = AbortSignal.any([signal, late.signal]);
  try {
    return await follow(asked, limit);
  } catch (thrown) {
    signal.throwIfAborted();
    if (late.signal.aborted) return failed(`${asked.who} did not answer within ${asked.timeoutMs / 1000} s.`);
    if (thrown instanceof Refused) return failed(thrown.message);
    return failed(`${asked.who} cannot be reached (${codeOf(thrown)}).`);
  } finally {
    clearTimeout(timer);
  }
}

const failed = (message: string): Answer => ({ kind: 'error', message });

/** What is said word for word. */
class Refused extends Error {}

async function follow(asked: Exchange, signal: AbortSignal): Promise<Answer> {
  let url = addressOf(asked.url, asked.who);
  let { headers } = asked;
  for (let redirects = 0; ; redirects++) {
    const { status, text, location } = await send(url, { ...asked, headers }, signal);
    const isRedirect = [301, 302, 303, 307, 308].includes(status) && location !== undefined;
    if (!isRedirect) return { kind: 'answer', status, text };
    if (asked.method !== 'GET') {
      throw new Refused(
        `${asked.who} answers ${status}, a redirect, which ${asked.method} does not follow. Write its final address.`,
      );
    }
    if (redirects === MOST_REDIRECTS) throw new Refused(`${asked.who} redirects more than ${MOST_REDIRECTS} times.`);
    const next = addressOf(URL.canParse(location, url.href) ? new URL(location, url).href : '', asked.who);
    if (next.host !== url.host) headers = {};
    url = next;
  }
}

function addressOf(text: string, who: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw new Refused(`The address of ${who.replace(/^The/, 'the')} is no http:// or https:// URL. Correct it.`);
  }
  const literal = literalOf(url);
  if (literal !== undefined && !isAllowedAddress(literal, true)) throw new Refused(FORBIDDEN);
  return url;
}

const FORBIDDEN = 'The address is link-local or no address of a host, where nothing is asked. Name a Service instead.';

const lookup = lookupAmongAllowed(true, () => new Refused(FORBIDDEN));

interface Received {
  readonly status: number;
  readonly text: string;
  readonly location: string | undefined;
}

function send(url: URL, asked: Exchange, signal: AbortSignal): Promise<Received> {
  return new Promise<Received>((done, reject) => {
    const { method, headers, body, isInsecure } = asked;
    const options = {
      method,
      agent: false,
      lookup,
      signal,
      headers: {
        'user-agent': 'serin',
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        ...headers,
      },
    };
    const take = (response: IncomingMessage): void => {
      receive(response, asked.who).then(done, reject);
    };
    let sent: ClientRequest;
    if (url.protocol === 'https:') sent = requestHttps(url, { ...options, rejectUnauthorized: !isInsecure }, take);
    else sent = requestHttp(url, options, take);
    sent.on('error', reject);
    sent.end(body);
  });
}

async function receive(response: IncomingMessage, who: string): Promise<Received> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > ANSWER_LIMIT) {
      response.destroy();
      throw new Refused(`${who} answers with more than ${ANSWER_LIMIT / 1024 / 1024} MiB. Ask for less.`);
    }
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    text: Buffer.concat(chunks).toString('utf8'),
    location: response.headers.location,
  };
}

/** How providers authenticate: headers as written, basic, and OAuth2 client credentials with a token for each measurement, as Argo. */
import { type Fields, fieldsAt, isFields, listAt, stringAt } from '../api/fields.ts';
import { exchange } from './http.ts';

export type Credentials =
  | {
      readonly kind: 'headers';
      readonly headers: Readonly<Record<string, string>>;
      /** What was learnt that nobody may see. */
      readonly secrets: readonly string[];
    }
  | { readonly kind: 'error'; readonly message: string };

interface Asking {
  readonly isInsecure: boolean;
  readonly timeoutMs: number;
}

const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;

/** The headers of `settings.headers` and `settings.authentication`. */
export async function credentialsOf(settings: Fields, asking: Asking, signal: AbortSignal): Promise<Credentials> {
  const headers: Record<string, string> = {};
  for (const header of listAt(settings, 'headers')) {
    const key = stringAt(header, 'key') ?? '';
    const value = stringAt(header, 'value') ?? '';
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    if (!HEADER_NAME.test(key) || /[\u0000-\u0008\u000a-\u001f\u007f]|[^\u0000-\u00ff]/.test(value)) {
      return failed(`headers has one that cannot be sent (${key.slice(0, 40)}). Correct its key or value.`);
    }
    headers[key.toLowerCase()] = value;
  }
  const basic = basicOf(fieldsAt(settings, 'authentication', 'basicAuth'));
  if (basic?.kind === 'error') return basic;
  const secrets = basic === undefined ? [] : [basic.value];
  if (basic !== undefined) headers['authorization'] = `Basic ${basic.value}`;
  const oauth2 = fieldsAt(settings, 'authentication', 'oauth2');
  if ((stringAt(oauth2, 'tokenUrl') ?? '') === '') return { kind: 'headers', headers, secrets };
  const token = await tokenOf(oauth2, asking, signal);
  if (token.kind === 'error') return token;
  headers['authorization'] = `Bearer ${token.value}`;
  return { kind: 'headers', headers, secrets: [...secrets, token.value] };
}

const failed = (message: string) => ({ kind: 'error', message }) as const;

type Value = { readonly kind: 'value'; readonly value: string } | { readonly kind: 'error'; readonly message: string };

function basicOf(basic: Fields): Value | undefined {
  const [username = '', password = ''] = [stringAt(basic, 'username'), stringAt(basic, 'password')];
  if (username === '' && password === '') return undefined;
  if (username === '') return failed('authentication.basicAuth.username is missing. Write it.');
  if (password === '') return failed('authentication.basicAuth.password is missing. Write it.');
  return { kind: 'value', value: Buffer.from(`${username}:${password}`).toString('base64') };
}

/** First with the client in the header, then in the body: servers take one or the other (RFC 6749 §2.3.1; Go's AuthStyleAutoDetect). */
async function tokenOf(oauth2: Fields, asking: Asking, signal: AbortSignal): Promise<Value> {
  const [url = '', id = '', secret = ''] = ['tokenUrl', 'clientId', 'clientSecret'].map((key) => stringAt(oauth2, key));
  if (id === '' || secret === '') return failed('authentication.oauth2 needs clientId and clientSecret. Write both.');
  const scopes = listAt(oauth2, 'scopes').filter((scope) => typeof scope === 'string');
  const form = { grant_type: 'client_credentials', ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }) };
  const basic = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64');
  const ways = [
    { headers: { authorization: `Basic ${basic}` }, form },
    { headers: {}, form: { ...form, client_id: id, client_secret: secret } },
  ];
  let status = 0;
  for (const way of ways) {
    const answer = await exchange(
      {
        ...asking,
        who: 'The token service',
        url,
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json', ...way.headers },
        body: new URLSearchParams(way.form).toString(),
      },
      signal,
    );
    if (answer.kind === 'error') return answer;
    ({ status } = answer);
    const token = status >= 200 && status < 300 ? tokenIn(answer.text) : undefined;
    if (token !== undefined) return { kind: 'value', value: token };
  }
  return failed(
    `The token service gives no token (status ${status}). Check tokenUrl, clientId, clientSecret and scopes.`,
  );
}

function tokenIn(text: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    const token = isFields(answer) ? stringAt(answer, 'access_token') : undefined;
    return token === undefined || !/^[\x21-\x7e]+$/.test(token) ? undefined : token;
  } catch {
    return undefined;
  }
}

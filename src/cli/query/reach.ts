/** Whether a Prometheus answers at an address, before a command asks it a hundred things; what to do next where it does not. */
import { readFile } from 'node:fs/promises';
import { messageOf, SerinError } from '../../errors.ts';
import { readAddress } from '../../metrics/prometheus.ts';

/** The headers of a call, by name. Lines of files are not seen by whoever lists processes. */
export async function readHeaders(written: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const lines: string[] = [];
  for (const entry of written) lines.push(...(entry.startsWith('@') ? await linesOf(entry.slice(1)) : [entry]));
  const pairs = lines.map((line) => {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(\S.*)$/.exec(line.trim()) ?? [];
    if (name === undefined || value === undefined) {
      throw new SerinError(
        'SERIN_E_USAGE',
        '--header holds something that is no header. Write "Name: value", or @FILE.',
      );
    }
    return [name, value];
  });
  return Object.fromEntries(pairs) as Readonly<Record<string, string>>; // pairs of text
}

async function linesOf(file: string): Promise<readonly string[]> {
  try {
    return (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  } catch (thrown) {
    throw new SerinError('SERIN_E_USAGE', `--header @${file} cannot be read: ${messageOf(thrown)}. Check the path.`);
  }
}

const PATIENCE_MS = 10_000;

/** Rejects with `SERIN_E_PROMETHEUS` and the next step. */
export async function checkReach(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const { address, headers: sent } = readAddress({ url, headers, timeoutMs: PATIENCE_MS });
  let answer: Response;
  try {
    answer = await fetch(`${address}/api/v1/query?query=1`, {
      headers: sent,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
  } catch (thrown) {
    signal.throwIfAborted();
    throw trouble(unreachable(address, thrown));
  }
  const text = (await answer.text().catch(() => '')).slice(0, 10_000);
  if (answer.ok && isPrometheus(text)) return;
  throw trouble(refused(address, answer, text));
}

const trouble = (message: string): SerinError => new SerinError('SERIN_E_PROMETHEUS', message);

function isPrometheus(text: string): boolean {
  try {
    const body = JSON.parse(text) as { readonly status?: unknown } | null;
    return body?.status === 'success';
  } catch {
    return false;
  }
}

function unreachable(address: string, thrown: unknown): string {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  const code = (cause as { readonly code?: unknown } | null)?.code;
  if (code === 'ECONNREFUSED') {
    return `Nobody listens at ${address}. In a cluster, reach it with: kubectl port-forward -n monitoring service/prometheus 9090, and --prometheus http://localhost:9090.`;
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return `The host of ${address} has no address here. Names such as prometheus.monitoring.svc only work inside the cluster: use kubectl port-forward, or an address from outside.`;
  }
  if (typeof code === 'string' && /CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) {
    return `The certificate of ${address} is not trusted here (${code}). Set NODE_EXTRA_CA_CERTS to the file of its authority.`;
  }
  if (cause instanceof Error && cause.name === 'TimeoutError') {
    return `${address} did not answer within ${PATIENCE_MS / 1000} s. Check that it is reachable from here; a firewall drops in silence.`;
  }
  return `${address} cannot be reached (${messageOf(cause)}). Check the address.`;
}

function refused(address: string, { status, headers }: Response, text: string): string {
  const target = headers.get('location');
  if (status >= 300 && status < 400) {
    const place = target === null ? 'elsewhere' : `to ${withoutQuery(target, address)}`;
    return `${address} redirects ${place} (HTTP ${status}), and a redirect is not followed with credentials. If Prometheus is there, give that address; if it is a login, send credentials with --header.`;
  }
  if (status === 401 || status === 403) {
    return `${address} wants ${status === 401 ? 'credentials' : 'other credentials'} (HTTP ${status}). Give --header "Authorization: Bearer …" (or @FILE), or write user and password into the address.`;
  }
  if (status === 410)
    return `${address} says that it is gone for good (HTTP 410). Ask who runs it for the new address.`;
  if (status === 404) {
    return `${address} knows no /api/v1/query (HTTP 404). Prometheus may be below a path: try ${address}/prometheus, or for Mimir and Cortex ${address}/prometheus with --header "X-Scope-OrgID: …".`;
  }
  if (status === 400 && /org id/i.test(text)) {
    return `${address} serves many tenants and was told none (HTTP 400). Give --header "X-Scope-OrgID: NAME".`;
  }
  if (status === 429)
    return `${address} is asked too often (HTTP 429). Try again in a minute, or raise the limit there.`;
  if (status >= 500)
    return `${address} answers HTTP ${status}, so Prometheus or a proxy before it is in trouble. Look at its own page and log.`;
  if (/^\s*</.test(text)) {
    return `${address} answers with a web page (HTTP ${status}) where Prometheus would answer with JSON. The address may be that of Grafana, or of a login; give that of Prometheus itself.`;
  }
  return `${address} answers HTTP ${status} with something that is no Prometheus answer. Check the address and its path.`;
}

/** Redirects to logins carry tokens in their query. */
function withoutQuery(target: string, base: string): string {
  if (!URL.canParse(target, base)) return 'an address that cannot be read';
  const url = new URL(target, base);
  return `${url.origin}${url.pathname.replace(/\/api\/v1\/query$/, '')}`;
}

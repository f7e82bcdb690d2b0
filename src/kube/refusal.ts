/**
 * What an API server's error answer (a `Status` object) means to Serin, as a `SerinError` with the object and a remedy.
 */
import { type ErrorCode, SerinError } from '../errors.ts';

/** The fields of `meta/v1.Status` that decide. */
export interface ApiStatus {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly kind?: string; readonly causes?: readonly unknown[] };
}

export interface Attempt {
  /** `get`, `list`, `watch`, `create`, `patch`, `apply`, `delete`. */
  readonly verb: string;
  /** `Deployment shop/web` or `Deployments`. */
  readonly target: string;
}

/** Error bodies may also come from proxies, as text or HTML. */
export function parseStatus(code: number, body: string): ApiStatus {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) return { ...parsed, code };
  } catch {
    // Not JSON: its first line is the message.
  }
  return { code, message: body.trim().split('\n', 1)[0]?.slice(0, 300) ?? '' };
}

/**
 * A JSON Patch that cannot be applied (a `test` failed, a path is gone) is answered 422 like an invalid object, but
 * without causes (apiserver `endpoints/handlers/patch.go`, `NewGenericServerResponse`): the object changed since it was read.
 */
function isFailedTest(attempt: Attempt, status: ApiStatus): boolean {
  return attempt.verb === 'patch' && status.code === 422 && (status.details?.causes ?? []).length === 0;
}

const remedies: Readonly<Partial<Record<ErrorCode, string>>> = {
  SERIN_E_CONFLICT: 'It is read again and tried again.',
  SERIN_E_FORBIDDEN: 'Grant the permission to the account that Serin runs as.',
  SERIN_E_GONE: 'The list is read again.',
  SERIN_E_INVALID_SPEC: 'Correct the field that the API server names.',
  SERIN_E_KUBERNETES: 'It is tried again; look at the API server if this goes on.',
  SERIN_E_NOT_FOUND: 'Check the name and namespace, and that the resource definitions are installed.',
};

const codes: Readonly<Record<number, ErrorCode>> = {
  400: 'SERIN_E_INVALID_SPEC',
  403: 'SERIN_E_FORBIDDEN',
  404: 'SERIN_E_NOT_FOUND',
  409: 'SERIN_E_CONFLICT',
  410: 'SERIN_E_GONE',
  413: 'SERIN_E_INVALID_SPEC',
  422: 'SERIN_E_INVALID_SPEC',
};

export function refusal(attempt: Attempt, status: ApiStatus): SerinError {
  const code = isFailedTest(attempt, status) ? 'SERIN_E_CONFLICT' : (codes[status.code ?? 0] ?? 'SERIN_E_KUBERNETES');
  const said = (status.message ?? '').replace(/[.\s]+$/, '') || `status ${status.code ?? 'unknown'}`;
  const remedy =
    status.code === 401 ? 'The credentials of the kubeconfig are not accepted; renew them.' : (remedies[code] ?? '');
  const fields: Record<string, string | number> = { verb: attempt.verb, target: attempt.target };
  if (status.code !== undefined) fields['status'] = status.code;
  if (status.reason !== undefined) fields['reason'] = status.reason;
  return new SerinError(code, `The API server refused to ${attempt.verb} ${attempt.target}: ${said}. ${remedy}`, {
    fields,
  });
}

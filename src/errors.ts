/**
 * Every error a person can meet, in one table. A message says what is wrong with which field of which object, and what to do.
 * `retryable` decides whether the queue tries again; `exitCode` is what the CLI ends with. Codes are never reused.
 */
export const errorCatalogue = {
  SERIN_E_USAGE: { retryable: false, exitCode: 2, meaning: 'The command line is wrong; nothing was done.' },
  SERIN_E_CONFIG: {
    retryable: false,
    exitCode: 2,
    meaning: 'A flag, environment variable or config file has a bad value.',
  },
  SERIN_E_NOT_FOUND: { retryable: false, exitCode: 1, meaning: 'A named object does not exist.' },
  SERIN_E_INVALID_SPEC: { retryable: false, exitCode: 1, meaning: 'A field of a resource cannot work as written.' },
  SERIN_E_REFUSED: { retryable: false, exitCode: 1, meaning: 'A request does not fit the current revision or phase.' },
  SERIN_E_CONFLICT: { retryable: true, exitCode: 1, meaning: 'An object changed since it was read; it is read again.' },
  SERIN_E_FORBIDDEN: { retryable: true, exitCode: 1, meaning: 'The API server denies a permission that Serin needs.' },
  SERIN_E_KUBERNETES: {
    retryable: true,
    exitCode: 1,
    meaning: 'The Kubernetes API did not answer, or answered with an error.',
  },
  SERIN_E_GONE: { retryable: true, exitCode: 1, meaning: 'A watch is too old to continue; the list is read again.' },
  SERIN_E_PROMETHEUS: {
    retryable: true,
    exitCode: 1,
    meaning: 'Prometheus did not answer, or answered with an error.',
  },
  SERIN_E_QUERY: { retryable: false, exitCode: 1, meaning: 'Prometheus refuses the query itself.' },
  SERIN_E_QUEUE: { retryable: true, exitCode: 1, meaning: 'The queue backend cannot be reached.' },
  SERIN_E_NOTIFY: { retryable: true, exitCode: 1, meaning: 'A notification receiver did not accept a message.' },
  SERIN_E_MISSING_TOOL: { retryable: false, exitCode: 1, meaning: 'A program that is needed here is not installed.' },
  SERIN_E_ABORTED: {
    retryable: true,
    exitCode: 1,
    meaning: 'The operation was cancelled because the process is stopping.',
  },
} as const satisfies Record<string, { retryable: boolean; exitCode: number; meaning: string }>;

export type ErrorCode = keyof typeof errorCatalogue;

export interface SerinErrorOptions {
  readonly cause?: unknown;
  /** Machine-readable context for logs (never secrets). */
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * The only error type that crosses a seam. `message` is one sentence on what is wrong and one on what to do.
 * Outcomes ("the canary failed") are data, not errors.
 */
export class SerinError extends Error {
  override readonly name = 'SerinError';
  readonly code: ErrorCode;
  readonly fields: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, options: SerinErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fields = options.fields ?? {};
  }

  /** True when trying again later may succeed without anybody changing anything. */
  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }

  get exitCode(): number {
    return errorCatalogue[this.code].exitCode;
  }
}

/** What a parser says in its first line, without the colon that leads to the lines below it: to be put before a full stop. */
export function gistOf(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/[:.\s]+$/, '');
}

/** The sentence of any thrown thing, without a stack. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

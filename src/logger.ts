/**
 * Structured logs on stdout: JSON lines, or coloured text for people. Messages are constant sentences, variables are
 * keys. Tokens, passwords and webhook addresses are struck out before a line is written.
 */
import { styleText } from 'node:util';
import { type DestinationStream, pino } from 'pino';
import { SerinError } from './errors.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export const LOG_FORMATS = ['json', 'pretty'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

type Fields = Readonly<Record<string, unknown>>;

/** What the rest of Serin needs of a logger; `pino` fulfils it. */
export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
  child(fields: Fields): Log;
}

/** For tests and for commands that say what they do in other ways. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};

const SECRET_KEYS = [
  'authorization',
  'token',
  'password',
  'secret',
  'signingKey',
  'webhookUrl',
  'bearerToken',
  'cookie',
];

const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/(https?:\/\/hooks\.[^\s/"']+)\/[^\s"']*/g, '$1/[redacted]'],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]+/gi, '$1 [redacted]'],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, '$1[redacted]@'],
  [/([?&](?:token|key|secret|sig|signature|password|access_token)=)[^\s&"']+/gi, '$1[redacted]'],
  [/\bxox[abeprs]-[\w-]+/g, '[redacted]'],
];

/** Strikes out what looks like a credential inside a text: tokens, passwords in addresses, chat webhook addresses. */
export function scrub(text: string): string {
  return SECRET_TEXTS.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);
}

function scrubFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, typeof value === 'string' ? scrub(value) : value]),
  );
}

/** Type, message, code and stack of a thrown thing, and the same of its cause. */
export function describeError(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: scrub(String(thrown)) };
  const code: unknown = 'code' in thrown ? thrown.code : undefined;
  return {
    type: thrown.name,
    message: scrub(thrown.message),
    ...(typeof code === 'string' ? { code } : {}),
    ...(thrown instanceof SerinError ? scrubFields({ ...thrown.fields }) : { stack: scrub(thrown.stack ?? '') }),
    ...(thrown.cause === undefined ? {} : { cause: describeError(thrown.cause) }),
  };
}

const COLOURS = { 10: 'gray', 20: 'gray', 30: 'green', 40: 'yellow', 50: 'red', 60: 'red' } as const;
const NAMES: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};

/** One JSON line as text: time of day, level, message, then the keys. */
export function prettyLine(json: string): string {
  const { level, time, msg, ...rest } = JSON.parse(json) as { level: keyof typeof COLOURS; time: string; msg: string };
  const keys = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const head = `${time.slice(11, 23)} ${styleText(COLOURS[level] ?? 'gray', (NAMES[level] ?? '?').padEnd(5))} ${msg}`;
  return `${keys.length === 0 ? head : `${head} ${styleText('gray', keys.join(' '))}`}\n`;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Where lines go; absent: stdout. */
  readonly write?: (line: string) => void;
}

export function createLogger({ level, format, write }: LoggerOptions): Log {
  const sink = write ?? ((line: string) => void process.stdout.write(line));
  const destination: DestinationStream =
    format === 'pretty' ? { write: (line) => sink(prettyLine(line)) } : { write: (line) => sink(line) };
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: '[redacted]' },
      serializers: { err: describeError, error: describeError },
      formatters: { log: scrubFields },
    },
    destination,
  );
}

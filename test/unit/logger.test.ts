import { describe, expect, test } from 'vitest';
import { SerinError } from '../../src/errors.ts';
import { createLogger, describeError, type LogFormat, prettyLine, scrub } from '../../src/logger.ts';

function logged(format: LogFormat, write: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger({ level: 'info', format, write: (line) => lines.push(line) }));
  return lines.join('');
}

describe('logs', () => {
  test('are one JSON object a line, with level, time, message and keys', () => {
    const line = logged('json', (log) =>
      log.child({ kind: 'Release' }).info({ name: 'web' }, 'A release was looked at.'),
    );
    expect(JSON.parse(line)).toMatchObject({
      level: 30,
      kind: 'Release',
      name: 'web',
      msg: 'A release was looked at.',
    });
    expect(line).toMatch(/"time":"\d{4}-\d{2}-\d{2}T[\d:.]+Z"/);
    expect(line.endsWith('\n')).toBe(true);
  });

  test('are left out below the level', () => {
    expect(logged('json', (log) => log.debug({}, 'x'))).toBe('');
  });

  test('describe errors with type, message, code and cause', () => {
    const error = new SerinError('SERIN_E_CONFLICT', 'It changed. Read it again.', {
      cause: new Error('409'),
      fields: { status: 409 },
    });
    const line = logged('json', (log) => log.error({ err: error }, 'Failed.'));
    expect(JSON.parse(line).err).toMatchObject({
      type: 'SerinError',
      code: 'SERIN_E_CONFLICT',
      status: 409,
      cause: { message: '409' },
    });
  });

  test('are text for people on request', () => {
    const line = prettyLine(
      JSON.stringify({ level: 40, time: '2026-11-21T10:00:01.234Z', msg: 'Slow.', ms: 12, kind: 'Pod' }),
    );
    // oxlint-disable-next-line no-control-regex
    expect(line.replace(/\u001b\[\d+m/g, '')).toBe('10:00:01.234 warn  Slow. ms=12 kind=Pod\n');
  });
});

describe('secrets', () => {
  test.each([
    {
      text: 'POST https://hooks.slack.com/services/T0/B0/abcdef failed',
      kept: 'https://hooks.slack.com/[redacted] failed',
    },
    { text: 'authorization: Bearer eyJhbGciOi.abc-def_1', kept: 'Bearer [redacted]' },
    { text: 'redis://user:hunter2@redis:6379/0', kept: 'redis://[redacted]@redis:6379/0' },
    { text: 'https://example.com/hook?token=abc&x=1', kept: '?token=[redacted]&x=1' },
    { text: 'xoxb-123-abc', kept: '[redacted]' },
  ])('are struck out of text: $text', ({ text, kept }) => {
    expect(scrub(text)).toContain(kept);
    const line = logged('json', (log) =>
      log.error({ err: new Error(text, { cause: new Error(text) }), url: text }, 'Failed.'),
    );
    for (const secret of ['abcdef', 'eyJhbGciOi', 'hunter2', 'token=abc', 'xoxb-123'])
      expect(line).not.toContain(secret);
  });

  test.each(['authorization', 'token', 'password', 'signingKey', 'webhookUrl'])(
    'are struck out under the key %s, three deep',
    (key) => {
      for (const fields of [{ [key]: 'hunter2' }, { a: { [key]: 'hunter2' } }, { a: { b: { [key]: 'hunter2' } } }]) {
        const line = logged('json', (log) => log.info(fields, 'x'));
        expect(line).not.toContain('hunter2');
        expect(line).toContain('[redacted]');
      }
    },
  );

  test('what is thrown that is no error is still described', () => {
    expect(describeError('Bearer abc')).toEqual({ message: 'Bearer [redacted]' });
  });
});

/** The ready-made templates that ask a provider: what a good version answers passes, what a bad one answers stops it. */
import { describe, expect, test } from 'vitest';
import { openLibrary } from '../../../src/cli/lint/library.ts';
import { runTest } from '../../../src/cli/test/run-test.ts';
import { isCompared, libraryFiles } from '../../support/library.ts';

const library = openLibrary();

const CHECKS: Readonly<
  Record<
    string,
    {
      readonly metric: string;
      readonly args: Readonly<Record<string, string>>;
      readonly good: readonly unknown[];
      readonly bad: readonly unknown[];
    }
  >
> = {
  'smoke-web': {
    metric: 'smoke',
    args: { url: 'http://web-canary.shop.svc/health' },
    good: ['ok', 'starting', 'ok'],
    bad: ['ok', 'down'],
  },
  'smoke-job': {
    metric: 'smoke-job',
    args: { image: 'shop/smoke:1', target: 'http://web-canary.shop.svc' },
    good: ['Successful'],
    bad: ['Failed'],
  },
};

test('every template that asks a provider is tried', () => {
  const names = libraryFiles('analyses').flatMap(({ object }) => (isCompared(object) ? [] : [object.metadata.name]));
  expect(names.toSorted()).toEqual(Object.keys(CHECKS).toSorted());
});

async function outcomeOf(name: string, values: readonly unknown[]): Promise<string> {
  const { metric = '', args = {} } = CHECKS[name] ?? {};
  const result = await runTest(
    {
      name,
      analysis: {
        templates: [{ name, clusterScope: true }],
        args: Object.entries(args).map(([arg, value]) => ({ name: arg, value })),
      },
      measured: [{ metric, values: [...values] }],
      verdict_test: [{ eval_time: '15m', outcome: 'Pass' }],
    },
    '15s',
    library,
  );
  return result.kind === 'judged' ? (result.checks[0]?.got.outcome ?? 'nothing') : result.message;
}

describe.each(Object.entries(CHECKS))('%s', (name, { good, bad }) => {
  test('passes a good version', async () => {
    expect(await outcomeOf(name, good)).toBe('Pass');
  });

  test('stops a bad one', async () => {
    expect(await outcomeOf(name, bad)).toBe('Fail');
  });

  test('holds where nothing can be measured', async () => {
    expect(await outcomeOf(name, [null])).toBe('Inconclusive');
  });
});

/** Ends a run with plain lines that any CI can read: what could not run here, what needed a second try, then `N passed, N failed`. */
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { NOT_RUN } from './not-run.ts';

export default class PlainReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandledErrors.length;
    let skipped = 0;
    const notRun = new Set<string>();
    const secondTry: string[] = [];
    for (const module of modules) {
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else if (state === 'failed') failed += 1;
        else skipped += 1;
        if (test.diagnostic()?.flaky === true)
          secondTry.push(`${module.relativeModuleId} > ${test.fullName} (${firstError(test)})`);
        if (state === 'skipped' && test.name.startsWith(NOT_RUN)) notRun.add(test.name.slice(NOT_RUN.length));
      }
      for (const suite of module.children.allSuites()) failed += suite.errors().length;
    }
    const tail = skipped > 0 ? `, ${skipped} skipped` : '';
    process.stdout.write(notRun.size > 0 ? `\n${NOT_RUN}${[...notRun].sort().join(', ')}\n` : '\n');
    process.stdout.write(secondTry.map((each) => `passed on its second try: ${each}\n`).join(''));
    process.stdout.write(`${passed} passed, ${failed} failed${tail}\n`);
  }
}

function firstError(test: TestCase): string {
  return (test.result().errors?.[0]?.message ?? '').split('\n')[0] ?? '';
}

/** What Serin says of a regular expression, asked of a real Prometheus (`promtool check rules` compiles every matcher). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { re2Problem } from '../../src/api/re2.ts';
import { RE2_BAD, RE2_GOOD } from '../support/regexes.ts';
import { describeWith, requireTool } from '../support/tools.ts';

/** The expressions that Prometheus refuses. */
function refusedByPrometheus(expressions: readonly string[]): ReadonlySet<string> {
  const folder = mkdtempSync(join(tmpdir(), 'serin-re2-'));
  try {
    const rules = expressions.map((expression, index) => ({
      record: `r:${index}`,
      expr: `up{a=~${JSON.stringify(expression)}}`,
    }));
    const file = join(folder, 'rules.yaml');
    writeFileSync(file, stringify({ groups: [{ name: 'g', rules }] }, { lineWidth: 0 }));
    const { stdout, stderr } = spawnSync(requireTool('promtool'), ['check', 'rules', '--lint=none', file], {
      encoding: 'utf8',
    });
    expect(stdout).toContain('Checking');
    const refused = [...(stdout + stderr).matchAll(/rule \d+, "r:(\d+)"/g)].map(
      ([, index]) => expressions[Number(index)] ?? '',
    );
    return new Set(refused);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describeWith(['promtool'], 'regular expressions', () => {
  test('the tables say what Prometheus says', () => {
    const bad = RE2_BAD.map(({ expression }) => expression);
    const refused = refusedByPrometheus([...RE2_GOOD, ...bad]);
    expect(RE2_GOOD.filter((expression) => refused.has(expression))).toEqual([]);
    expect(bad.filter((expression) => !refused.has(expression))).toEqual([]);
  });

  test('two thousand random expressions are judged as Prometheus judges them', () => {
    const part = fc.constantFrom(
      'a',
      'b',
      '(',
      ')',
      '(?:',
      '(?i)',
      '(?=',
      '[',
      ']',
      '[^',
      '[:alpha:]',
      'a-z',
      '{2}',
      '{2,}',
      '{600}',
      '{,2}',
      '*',
      '+',
      '?',
      '|',
      '\\d',
      '\\.',
      '\\1',
      '\\Z',
      '^',
      '$',
      '.',
    ); // prettier-ignore
    const expressions = [
      ...new Set(
        fc.sample(
          fc.array(part, { maxLength: 9 }).map((parts) => parts.join('')),
          { numRuns: 2000, seed: 7 },
        ),
      ),
    ];
    const refused = refusedByPrometheus(expressions);
    const wrong = expressions.filter(
      (expression) => (re2Problem(expression) !== undefined) !== refused.has(expression),
    );
    expect(wrong).toEqual([]);
    expect(refused.size).toBeGreaterThan(100);
    expect(refused.size).toBeLessThan(expressions.length - 100);
  });
});

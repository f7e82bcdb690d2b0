/** Results of `serin test` as text, JSON and annotations of GitHub workflows. Pure. */
import { formatDuration } from '../../api/units.ts';
import { formatOdds } from '../../judge/format.ts';
import { sayControl, saySide } from '../../judge/render-estimate.ts';
import type { MetricVerdict, StepVerdict } from '../../judge/verdict.ts';
import { annotation } from '../lint/render.ts';
import type { Checked, TestResult, Turn } from './run-test.ts';
import type { Expectation, TestFileSource } from './test-file.ts';

export interface RanTest {
  readonly source: TestFileSource;
  /** Index in its file. */
  readonly index: number;
  readonly name: string;
  readonly result: TestResult;
}

export const hasPassed = ({ result }: RanTest): boolean =>
  result.kind === 'judged' && result.checks.every(({ isMet }) => isMet);

export function renderText(tests: readonly RanTest[]): string {
  const failed = tests.filter((test) => !hasPassed(test)).length;
  return [
    ...tests.flatMap(textOf),
    `${tests.length} test${tests.length === 1 ? '' : 's'}, ${failed === 0 ? (tests.length === 1 ? 'passed' : 'all passed') : `${failed} failed`}`,
  ].join('\n');
}

function textOf(test: RanTest): readonly string[] {
  const { source, index, name, result } = test;
  const isGood = hasPassed(test);
  const head = `${isGood ? '✓' : '✗'} ${source.file}:${source.line('tests', index)}: ${name}`;
  if (result.kind === 'broken') return [head, `    ${result.message}`];
  const notes = result.notes.map((note) => `    Note: ${note}`);
  if (isGood) return [head, ...notes];
  return [
    head,
    ...result.checks.filter(({ isMet }) => !isMet).flatMap(failureLines),
    `    Over time: ${result.turns.map(turnText).join(', ')}`,
    ...notes,
  ];
}

function failureLines({ expected, got }: Checked): readonly string[] {
  return [
    `    at ${expected.eval_time}  expected  ${wantedText(expected)}`,
    `    ${' '.repeat(expected.eval_time.length + 3)}  got       ${gotText(got)}`,
    `    ${got.says}`,
    ...got.metrics.map((metric) => `      ${metricText(metric)}`),
    ...(got.measures ?? []).map(({ outcome, name, says }) => `      ${name}: ${outcome}; ${says}`),
  ];
}

const wantedText = ({ outcome, metric, reason }: Expectation): string =>
  [outcome, ...(metric === undefined ? [] : [`of ${metric}`]), ...(reason === undefined ? [] : [`(${reason})`])].join(
    ' ',
  );

const gotText = ({ outcome, metric, reason }: StepVerdict): string =>
  `${outcome}${metric === undefined ? '' : ` of ${metric}`} (${reason})`;

function metricText(verdict: MetricVerdict): string {
  const { name, outcome, odds, abortAtOdds, usedIntervals, skippedIntervals } = verdict;
  const skipped = Object.entries(skippedIntervals).map(([reason, count]) => `${count} ${reason}`);
  const leftOut = skipped.length === 0 ? '' : `, left out ${skipped.join(', ')}`;
  return `${name}: ${outcome}; canary ${saySide(verdict, 'canary')}, ${sayControl(verdict).replace(/^the /, '')} ${saySide(verdict, 'stable').replace(/^bound /, '')}; odds ${formatOdds(odds)}, aborts at ${formatOdds(abortAtOdds)}; ${usedIntervals} intervals${leftOut}`;
}

const turnText = ({ atMs, outcome, weight, metric }: Turn): string =>
  `${outcome} at ${formatDuration(atMs)} (${weight} %${metric === undefined || outcome === 'Continue' ? '' : `, ${metric}`})`;

export function renderJson(tests: readonly RanTest[]): string {
  const flat = tests.map((test) => {
    const { source, index, name, result } = test;
    const head = { file: source.file, line: source.line('tests', index), name, passed: hasPassed(test) };
    if (result.kind === 'broken') return { ...head, message: result.message };
    const checks = result.checks.map(({ expected, isMet, got }) => ({ expected, passed: isMet, got }));
    return { ...head, checks, turns: result.turns, notes: result.notes };
  });
  return JSON.stringify({ passed: tests.every(hasPassed), tests: flat }, null, 2);
}

/** One annotation for each verdict that is not as expected, at its line. */
export function renderGithub(tests: readonly RanTest[]): string {
  return tests
    .flatMap(({ source, index, name, result }) => {
      const at = (...path: readonly (string | number)[]) => ({
        file: source.file,
        line: source.line('tests', index, ...path),
      });
      const title = `serin test: ${name}`;
      if (result.kind === 'broken') return [annotation('error', { ...at(...result.path), title }, result.message)];
      return result.checks.flatMap(({ expected, isMet, got }, check) =>
        isMet
          ? []
          : [
              annotation(
                'error',
                { ...at('verdict_test', check), title },
                failureLines({ expected, isMet, got }).join('\n'),
              ),
            ],
      );
    })
    .join('\n');
}

/** The file of `serin test`: promtool's names where it has them, checked before anything runs. */
import Type, { type Static } from 'typebox';
import { isDocument, isNode, LineCounter, parseDocument } from 'yaml';
import { at, fieldsAt, isFields } from '../../api/fields.ts';
import { ReleaseSpec } from '../../api/release.ts';
import { duration, literals, name, text, weight } from '../../api/schema.ts';
import { shapeFindings } from '../../api/shape.ts';
import { gistOf, SerinError } from '../../errors.ts';
import { didYouMean } from '../lint/finding.ts';

const Side = Type.Object({
  workload: name('Value of the workload label.'),
  version: Type.Optional(text('Value of the version label, where both sides share a workload.', 253)),
  pods: Type.Optional(text('Regular expression for pod names, where both sides share a workload.')),
});

const VerdictTest = Type.Object({
  eval_time: duration('When the verdict is asked for, from the first sample.'),
  outcome: literals(['Pass', 'Fail', 'Inconclusive', 'Continue'], 'What it must be.'),
  metric: Type.Optional(text('The metric that decides.', 253)),
  reason: Type.Optional(text('Its reason, as in the list of reasons.', 128)),
});

const OneTest = Type.Object({
  name: text('What is tested, as a sentence.'),
  interval: Type.Optional(duration('Between two samples.')),
  release: Type.Optional(name('A Release of template_files whose analysis is used.')),
  analysis: ReleaseSpec.properties.analysis,
  namespace: Type.Optional(name('Value of the namespace label; default: default.')),
  stable: Type.Optional(Side),
  canary: Type.Optional(Side),
  weights: Type.Optional(
    Type.Array(Type.Object({ from: duration('Since when.'), weight: weight('Percent of requests for the canary.') }), {
      minItems: 1,
      maxItems: 64,
    }),
  ),
  input_series: Type.Optional(
    Type.Array(Type.Object({ series: text('Name and labels.', 4096), values: Type.String({ maxLength: 1_000_000 }) }), {
      maxItems: 5000,
    }),
  ),
  measured: Type.Optional(
    Type.Array(
      Type.Object({
        metric: text('A metric with a provider.', 253),
        values: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 10_000 }),
      }),
      { maxItems: 64 },
    ),
  ),
  verdict_test: Type.Array(VerdictTest, { minItems: 1, maxItems: 64 }),
});

const TestFile = Type.Object({
  template_files: Type.Optional(Type.Array(text('Path, from this file.'), { maxItems: 64 })),
  interval: Type.Optional(duration('Between two samples; default: 15s.')),
  tests: Type.Array(OneTest, { minItems: 1, maxItems: 500 }),
});

export type WrittenTest = Static<typeof OneTest>;
export type WrittenSide = Static<typeof Side>;
export type Expectation = Static<typeof VerdictTest>;

export interface TestFileSource {
  readonly file: string;
  readonly templateFiles: readonly string[];
  readonly interval: string;
  readonly tests: readonly WrittenTest[];
  /** The line of a field, from 1. */
  readonly line: (...path: readonly (string | number)[]) => number;
}

/** Whether a file that was found in a folder means to be one: others there are templates, or tests of promtool. */
export function looksLikeTests(content: string): boolean {
  return /^tests:/m.test(content) && !/^(?:apiVersion|rule_files):/m.test(content);
}

/** Throws `SERIN_E_USAGE` with file, line and field of the first mistakes. */
export function readTestFile(file: string, content: string): TestFileSource {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, merge: true });
  const [problem] = document.errors;
  if (problem?.code === 'MULTIPLE_DOCS') {
    const second = lines.linePos(problem.pos[0]).line;
    throw wrong(
      `${file}:${second}: A test file is one YAML document, and a second one begins here. Give it a file of its own.`,
    );
  }
  if (problem !== undefined || !isDocument(document)) {
    throw wrong(`${file} is no YAML: ${gistOf(problem?.message ?? '')}. Correct it there.`);
  }
  const line = (...path: readonly (string | number)[]): number => {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range !== null && node.range !== undefined) return lines.linePos(node.range[0]).line;
    }
    return 1;
  };
  const value: unknown = withPlainSides(document.toJS());
  if (!isFields(value))
    throw wrong(`${file} holds no tests. Write \`tests:\` with a list; see deploy/docs/testing.md.`);
  const wrongs = [
    ...unknownFields(TestFile, value, ''),
    ...shapeFindings(TestFile, value, 'file')
      .map(shapeMessage)
      .map((message) => ({ message, path: headOf(message) })),
  ];
  if (wrongs.length > 0) {
    throw wrong(wrongs.map(({ path, message }) => `${file}:${line(...keysOf(path))}: ${message}`).join('\n'));
  }
  const checked = value as Static<typeof TestFile>; // just checked
  return {
    file,
    templateFiles: checked.template_files ?? [],
    interval: checked.interval ?? '15s',
    tests: checked.tests,
    line,
  };
}

/** `stable: web-v1` is short for `stable: {workload: web-v1}`. */
function withPlainSides(value: unknown): unknown {
  const tests = at(value, 'tests');
  if (!isFields(value) || !Array.isArray(tests)) return value;
  const side = (written: unknown): unknown => (typeof written === 'string' ? { workload: written } : written);
  const plain = tests.map((test: unknown) => {
    if (!isFields(test)) return test;
    const sides = ['stable', 'canary'].flatMap((key) => (test[key] === undefined ? [] : [[key, side(test[key])]]));
    return { ...test, ...Object.fromEntries(sides) };
  });
  return { ...value, tests: plain };
}

interface Mistake {
  readonly message: string;
  /** The field, e.g. `tests[0].name`. */
  readonly path: string;
}

function unknownFields(schema: unknown, value: unknown, path: string): readonly Mistake[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => unknownFields(at(schema, 'items'), item, `${path}[${index}]`));
  }
  const known = fieldsAt(schema, 'properties');
  if (!isFields(value) || Object.keys(known).length === 0) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const field = path === '' ? key : `${path}.${key}`;
    if (known[key] !== undefined) return unknownFields(known[key], item, field);
    const hint = didYouMean(key, Object.keys(known)) || ` It may be ${Object.keys(known).join(', ')}.`;
    return [{ message: `${path === '' ? 'This file' : path} has no field ${key}.${hint}`, path: field }];
  });
}

const shapeMessage = ({ message }: { readonly message: string }): string =>
  message
    .replace(/^file\./, '')
    .replace(/^file /, 'This file ')
    // YAML takes 0x500 for a number.
    .replace(/Write a string\.$/, 'Write a string, in quotes.');

const headOf = (message: string): string => message.split(' ')[0] ?? '';

const keysOf = (path: string): readonly (string | number)[] =>
  (path.match(/[^.[\]]+/g) ?? []).map((key) => (/^\d+$/.test(key) ? Number(key) : key));

export function wrong(message: string): SerinError {
  return new SerinError('SERIN_E_USAGE', message);
}

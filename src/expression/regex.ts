/** Regular expressions of `matches`, as Go's RE2 understands them: any part of the text may match, in time proportional to it. */
import { RE2JS } from 're2js';
import { re2Problem } from '../api/re2.ts';
import { CallFailed } from './functions/signature.ts';

const MOST_CHARACTERS = 1000;

/** What is wrong with a pattern, as the end of a sentence; `undefined` when nothing is. */
export function regexProblem(pattern: string): string | undefined {
  if (pattern.length > MOST_CHARACTERS) return `is longer than ${MOST_CHARACTERS} characters`;
  return re2Problem(pattern);
}

/** Whether the pattern is found in the text. Throws `CallFailed` for a pattern that Go would refuse. */
export function matchesRegex(pattern: string, text: string): boolean {
  const problem = regexProblem(pattern);
  if (problem !== undefined) throw new CallFailed(`the regular expression ${problem}`);
  return RE2JS.compile(pattern).test(text);
}

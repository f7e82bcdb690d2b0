/** What `serin lint` says of the examples with copies, matches, checks at a step and A/B tests, one edit at a time. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openLibrary } from '../../../src/cli/lint/library.ts';
import { lint } from '../../../src/cli/lint/lint.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../../../deploy/examples/${name}.yaml`, import.meta.url), 'utf8');

test.each<{ file: string; from: string; to: string; finds: RegExp }>([
  {
    file: 'pair/match',
    from: '{x-canary: {exact: "1"}}',
    to: '{X-Canary: {exact: "1"}}',
    finds: /^schema .*match\.headers names "X-Canary", .* lower-case/,
  },
  {
    file: 'pair/match',
    from: '{exact: "1"}',
    to: '{regex: "(?!1)"}',
    finds: /^schema .*x-canary\.regex is .* looks ahead or behind/,
  },
  { file: 'pair/match', from: 'share: 50', to: 'share: 100', finds: /^schema .*share is 100\. Write .* at most 99/ },
  {
    file: 'pair/match',
    from: '  traffic: {istio: {virtualService: {name: web, routes: [main]}, destinationRule: {name: web}}}\n',
    to: '',
    finds: /^schema .*steps\[1\]\.match needs a router that tells requests apart/,
  },
  { file: 'pair/mirror', from: 'mirror: 10', to: 'mirror: 0', finds: /^schema .*has a judge at weight 0/ },
  {
    file: 'pair/analysis-step',
    from: 'templates: [{name: smoke}]',
    to: 'templates: [{name: smok}]',
    finds: /^reference .*Did you mean smoke\?/,
  },
  {
    file: 'pair/analysis-step',
    from: 'args: [{name: path, value: selftest}]',
    to: 'args: []',
    finds: /^argument .*args\.path was not resolved/,
  },
  {
    file: 'deployment/ab-test',
    from: ', share: 50',
    to: '',
    finds: /^schema .*compare with stable, which has no requests at the same time/,
  },
  { file: 'deployment/ab-test', from: 'duration: 20m', to: 'duration: 0s', finds: /^schema .*duration is 0s/ },
  {
    file: 'deployment/ab-test',
    from: '{group: {exact: b}}',
    to: '{group: {exact: b}, lang: {exact: de}}',
    finds: /^schema .*match\.cookies has too many entries\. Write at most 1\./,
  },
])('$file: $from → $to', ({ file, from, to, finds }) => {
  const good = read(file);
  expect(good).toContain(from);
  const files = [{ file: 'a.yaml', text: good.replace(from, to) }];
  const { findings } = lint({ files, library: openLibrary(), options: { scrapeMs: 15_000, badShare: 0.001 } });
  expect(findings.map(({ rule, message }) => `${rule} ${message}`)).toEqual([expect.stringMatching(finds)]);
});

/** What `serin lint` says of the blue-green example, one edit at a time. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openLibrary } from '../../../src/cli/lint/library.ts';
import { lint } from '../../../src/cli/lint/lint.ts';

const good = readFileSync(new URL('../../../deploy/examples/blue-green/service.yaml', import.meta.url), 'utf8');

test.each<{ from: string; to: string; finds: RegExp }>([
  { from: 'preview: web-preview', to: 'preview: web-previw', finds: /^reference .*Did you mean web-preview\?/ },
  { from: 'service: {name: web}', to: 'service: {name: wep}', finds: /^reference .*There is no Service wep/ },
  {
    from: 'name: few-errors}], atMost',
    to: 'name: few-error}], atMost',
    finds: /^reference .*Did you mean few-errors\?/,
  },
  {
    from: 'before: {templates: [{name: self-test}]}',
    to: 'before: {templates: [{name: self-test}, {name: success-and-latency, clusterScope: true}]}',
    finds: /^no-control errors, latency: compared with stable, .* shown and decide nothing/,
  },
  {
    from: 'after: {templates: [{name: few-errors}]',
    to: 'after: {templates: [{name: success-and-latency, clusterScope: true}]',
    finds: /^schema .*nothing could ever pass\. Add one with a bound/,
  },
  { from: 'atMost: 10m', to: 'atMost: 10m, dwell: 20m', finds: /^schema .*dwell.* atMost/ },
  {
    from: 'atMost: 10m',
    to: 'atMost: 10m, interval: 15ms',
    finds: /^schema .*blueGreen\.analysis\.after\.interval is "15ms"/,
  },
  { from: '  replicas: 0', to: '  replicas: 1', finds: /^too-few-pods .*up to 100 % of the requests/ },
  { from: 'scaleDownAfter: 30m', to: 'mode: observe', finds: /^unknown-field/ },
])('$from → $to', ({ from, to, finds }) => {
  expect(good).toContain(from);
  const files = [{ file: 'a.yaml', text: good.replace(from, to) }];
  const { findings } = lint({ files, library: openLibrary(), options: { scrapeMs: 15_000, badShare: 0.001 } });
  expect(findings.map(({ rule, message }) => `${rule} ${message}`)).toEqual([expect.stringMatching(finds)]);
});

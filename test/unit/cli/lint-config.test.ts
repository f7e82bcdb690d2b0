/** What `serin lint` says of the example with a ConfigMap and a Secret, one edit at a time. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openLibrary } from '../../../src/cli/lint/library.ts';
import { lint } from '../../../src/cli/lint/lint.ts';

const good = readFileSync(new URL('../../../deploy/examples/deployment/config.yaml', import.meta.url), 'utf8');

test.each<{ edits: readonly (readonly [string, string])[]; finds: readonly RegExp[] }>([
  { edits: [], finds: [] },
  {
    edits: [[', subPath: signing.key', '']],
    finds: [
      /^live-config Files of Secret web-keys \(volume keys\) change under running pods of Deployment web .* subPath/,
    ],
  },
  { edits: [['subPath:', 'subPathExpr:']], finds: [] },
  {
    edits: [
      ['envFrom', 'env'],
      ['- configMapRef: {name: web-config}', '- {name: CACHE, value: "off"}'],
      ['secret: {secretName: web-keys}', 'emptyDir: {}'],
    ],
    finds: [/^config-digest configDigest is true, but the template of Deployment web reads no ConfigMap and no Secret/],
  },
  { edits: [['configDigest: true', 'configDigest: yes-please']], finds: [/^schema .*configDigest/] },
  { edits: [['configDigest', 'configDigst']], finds: [/^unknown-field .*configDigest/] },
])('$edits', ({ edits, finds }) => {
  let text = good;
  for (const [from, to] of edits) {
    expect(text).toContain(from);
    text = text.replace(from, to);
  }
  const options = { scrapeMs: 15_000, badShare: 0.001 };
  const { findings } = lint({ files: [{ file: 'a.yaml', text }], library: openLibrary(), options });
  expect(findings.map(({ rule, message }) => `${rule} ${message}`)).toEqual(
    finds.map((each) => expect.stringMatching(each)),
  );
});

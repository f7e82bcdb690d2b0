/** The revision names a pod template: the same for the same pods, another for any other. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, revisionOf, shortHash } from '../../../src/release/revision.ts';

const template = {
  metadata: { creationTimestamp: null, labels: { app: 'web', version: 'v1' } },
  spec: { containers: [{ name: 'web', image: 'web:1', env: [{ name: 'A', value: '1' }] }] },
};

describe('the revision stays the same', () => {
  test.each([
    ['when keys come in another order', { spec: template.spec, metadata: template.metadata }],
    ['when null fields are left out', { ...template, metadata: { labels: template.metadata.labels } }],
    [
      'after kubectl rollout restart',
      {
        ...template,
        metadata: {
          ...template.metadata,
          annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' },
        },
      },
    ],
  ])('%s', (_name, same) => {
    expect(revisionOf(same)).toBe(revisionOf(template));
  });

  test('between versions of Serin: these hashes are written in clusters', () => {
    expect(revisionOf(template)).toBe('kqfwlrjk2v');
    expect(shortHash('')).toBe('6gsshhkz8x');
  });
});

describe('the revision changes', () => {
  test.each([
    ['with the image', { ...template, spec: { containers: [{ ...template.spec.containers[0], image: 'web:2' }] } }],
    ['with a label', { ...template, metadata: { labels: { app: 'web', version: 'v2' } } }],
    ['with another annotation', { ...template, metadata: { ...template.metadata, annotations: { a: 'b' } } }],
    [
      'with the order of a list',
      {
        ...template,
        spec: {
          containers: [
            { name: 'x', image: 'x' },
            { name: 'web', image: 'web:1' },
          ],
        },
      },
    ],
  ])('%s', (_name, other) => {
    expect(revisionOf(other)).not.toBe(revisionOf(template));
  });

  test('for any two different JSON values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        fc.pre(canonicalJson(a) !== canonicalJson(b));
        expect(revisionOf({ spec: a })).not.toBe(revisionOf({ spec: b }));
      }),
    );
  });
});

test('a revision is ten characters that fit in names and labels', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(revisionOf(value)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
    }),
  );
});

test('hashes of 100 000 neighbouring texts do not collide', () => {
  const seen = new Set(Array.from({ length: 100_000 }, (_, i) => shortHash(`{"image":"web:${i}"}`)));
  expect(seen.size).toBe(100_000);
});

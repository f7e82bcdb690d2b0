import { describe, expect, test } from 'vitest';
import type { Release } from '../../../src/api/release.ts';
import { changeLine } from '../../../src/cli/demo/narrator.ts';
import { slackLines } from '../../../src/cli/demo/slack-lines.ts';
import { STORIES, type Story } from '../../../src/cli/demo/stories.ts';
import { endingOf, hasEnded, summaryTable } from '../../../src/cli/demo/summary.ts';
import { renderRelease } from '../../../src/cli/screen/release-screen.ts';
import { coloured, fit, plain, widthOf, wrap } from '../../../src/cli/screen/style.ts';
import type { ReleaseView } from '../../../src/cli/screen/view.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { exitCodeOf, statusTable, worstExitCode } from '../../../src/cli/status.ts';
import { formatAge } from '../../../src/cli/table.ts';
import type { MetricVerdict } from '../../../src/judge/verdict.ts';

const metric = (name: string, more: Partial<MetricVerdict>): MetricVerdict => ({
  name,
  outcome: 'Continue',
  reason: 'Judging',
  says: '',
  critical: true,
  share: 0.5,
  odds: 1.2,
  abortAtOdds: 36,
  passOdds: 1,
  passAtOdds: 20,
  canary: { bad: 304, total: 6011 },
  stable: { bad: 91, total: 18_204 },
  effectiveRequests: 6011,
  dispersion: 1,
  dispersionSource: 'stable pods',
  failRatio: 1.1,
  isConfirmedAlone: false,
  usedIntervals: 20,
  skippedIntervals: {},
  tippedBy: [],
  ...more,
});

const view: ReleaseView = {
  title: 'shop/web',
  stableRevision: '5449b8c487',
  canaryRevision: 'bf669489b',
  phase: 'Aborted',
  reason: 'ErrorsAboveStable',
  message: 'Aborted at 25 %.',
  weight: 25,
  step: 'step 4 of 6: judge',
  elapsedMs: 100_000,
  router: 'Istio VirtualService web',
  stable: { pods: 4, requests: 18_204, errors: 91, p50Ms: 41, p95Ms: 118, p99Ms: 202 },
  canary: { pods: 2, requests: 6011, errors: 304, p50Ms: 42, p95Ms: 121, p99Ms: 208 },
  verdict: {
    outcome: 'Fail',
    revision: 'bf669489b',
    attempt: 1,
    step: 4,
    weight: 25,
    intervalEndMs: 1,
    reason: 'ErrorsAboveStable',
    says: 'errors: canary 5.06 % against stable 0.50 % (10.1×), at least 8×; odds against a healthy canary 3 100 : 1 (abort at 36 : 1).',
    odds: 1550,
    abortAtOdds: 36,
    hadEnoughData: true,
    metrics: [
      metric('errors', { outcome: 'Fail', odds: 3100, ratio: { estimate: 10.1, interval: { low: 8, high: 12.8 } } }),
      metric('latency', { boundaryMs: 250, ratio: { estimate: 1.02, interval: { low: 0.9, high: 1.2 } } }),
    ],
  },
  weights: [10, 10, 10, 25, 25, 25],
  evidence: [1, 1.2, 2, 8, 30, 1550],
};

const aRelease = (status: Partial<NonNullable<Release['status']>>): Release => ({
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'Release',
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { workload: { pair: { members: ['web-v1', 'web-v2'] } }, strategy: { canary: { stepWeights: [10] } } },
  status: {
    phase: 'Progressing',
    weight: 10,
    conditions: [],
    revision: { stable: 'old', canary: 'new', rejected: [] },
    ...status,
  },
});

describe('the release screen', () => {
  test.each([132, 80])('at %d columns', async (width) => {
    const lines = renderRelease(view, width, plain).map((line) => fit(line, width));
    expect(lines.filter((line) => widthOf(line) > width)).toEqual([]);
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`golden/release-screen-${width}.txt`);
  });

  test('says that there is no verdict yet', () => {
    const { verdict: _verdict, ...early } = view;
    expect(renderRelease(early, 100, plain).join('\n')).toContain('no verdict yet');
  });

  test('a line that is cut keeps its colours and its width', () => {
    const line = `${coloured('red', 'Aborted')} ${'x'.repeat(50)}`;
    expect(widthOf(fit(line, 20))).toBe(20);
    expect(fit(line, 20)).toContain(coloured('red', 'Aborted'));
    expect(fit(line, 5)).toMatch(/Abor.*…$/);
    expect(fit('short', 20)).toBe('short');
  });

  test('long sentences wrap at spaces and end with an ellipsis after three lines', () => {
    const lines = wrap('word '.repeat(60).trim(), 40, 3);
    expect(lines).toHaveLength(3);
    expect(lines.every((line) => widthOf(line) <= 40)).toBe(true);
    expect(lines.at(-1)).toMatch(/…$/);
  });
});

describe('a line for each change', () => {
  test('names the release, its phase, weight, step and why', () => {
    const release = aRelease({
      reason: 'Judging',
      message: 'Evidence is being gathered.',
      step: { index: 2, of: 6, since: '2026-01-01T00:00:00Z', waitingFor: 'judge' },
    });
    expect(changeLine(release, plain)).toMatch(
      /^shop\/web +Progressing +canary 10 % +step 2\/6 +Judging +Evidence is being gathered\.$/,
    );
  });

  test('a Slack message reads without its markup', () => {
    const body = JSON.stringify({
      text: 'fallback',
      blocks: [
        { type: 'section', text: { text: '*shop/web* aborted &gt; 5 &amp; more' } },
        { elements: [{ text: 'footer' }] },
      ],
    });
    expect(slackLines(body)).toEqual(['shop/web aborted > 5 & more', 'footer']);
    expect(slackLines('{"text":"only this"}')).toEqual(['only this']);
  });
});

describe('how a story ended', () => {
  const story = (key: string): Story => STORIES.find((each) => each.key === key) ?? expect.unreachable(key);

  test.each([
    { key: 'errors', status: { phase: 'Aborted', verdict: { outcome: 'Fail', metric: 'errors' } }, complaint: '' },
    {
      key: 'errors',
      status: { phase: 'Aborted', verdict: { outcome: 'Fail', metric: 'latency' } },
      complaint: 'decided on latency, expected errors',
    },
    { key: 'healthy', status: { phase: 'Held' }, complaint: 'is Held, expected Promoted' },
    { key: 'quiet', status: { phase: 'Held' }, complaint: '' },
    { key: 'quiet', status: { phase: 'Promoted' }, complaint: 'is Promoted, expected Held' },
  ] as const)('$key ending $status.phase', ({ key, status, complaint }) => {
    const ending = endingOf(story(key), aRelease(status), 42_000);
    if (complaint === '') expect(ending.complaint).toBe('');
    else expect(ending.complaint).toContain(complaint);
    expect(summaryTable([ending], plain)).toContain(complaint === '' ? '✓ as it should' : '✗');
  });

  test('a hold ends only the story that expects it', () => {
    expect(hasEnded(story('quiet'), aRelease({ phase: 'Held' }))).toBe(true);
    expect(hasEnded(story('healthy'), aRelease({ phase: 'Held' }))).toBe(false);
    expect(hasEnded(story('healthy'), aRelease({ phase: 'Promoted' }))).toBe(true);
  });
});

describe('serin status', () => {
  const nowMs = Date.parse('2026-01-01T00:03:00Z');

  test('has the columns of kubectl get releases, and wide adds why', () => {
    const release = aRelease({
      reason: 'Judging',
      step: { index: 2, of: 6, since: '2026-01-01T00:00:00Z', waitingFor: 'judge' },
      verdict: { outcome: 'Continue', odds: '3 : 1' },
      message: 'Soon.',
    });
    expect(statusTable([release], nowMs, { wide: false, namespaces: false })).toBe(
      'NAME   PHASE         WEIGHT   STEP   VERDICT    REASON    AGE\nweb    Progressing   10       2/6    Continue   Judging   3m',
    );
    expect(statusTable([release], nowMs, { wide: true, namespaces: true })).toMatch(
      /NAMESPACE +NAME.*MESSAGE\nshop +web.*3 : 1 +Soon\./,
    );
  });

  test.each([
    ['Promoted', 0],
    ['Idle', 0],
    ['Aborted', 3],
    ['Held', 4],
    ['Progressing', 4],
  ] as const)('--exit-code of a release that is %s is %d', (phase, code) => {
    expect(exitCodeOf(aRelease({ phase }))).toBe(code);
  });

  test.each([
    { phases: ['Promoted', 'Idle'], code: 0 },
    { phases: ['Promoted', 'Held'], code: 4 },
    { phases: ['Held', 'Aborted', 'Promoted'], code: 3 },
  ] as const)('--exit-code of releases that are $phases is $code, the worst of them', ({ phases, code }) => {
    expect(worstExitCode(phases.map((phase) => aRelease({ phase })))).toBe(code);
  });

  test.each([
    { words: ['-o', 'foo'], says: '--output foo is not known' },
    { words: ['web', '-A'], says: 'web and -A do not go together' },
  ])('$words is refused before a cluster is asked', async ({ words, says }) => {
    const program = createProgram();
    await expect(
      program.parseAsync(['status', '--kubeconfig', '/nowhere', ...words], { from: 'user' }),
    ).rejects.toThrow(says);
  });

  test.each([
    [45_000, '45s'],
    [180_000, '3m'],
    [3 * 3_600_000, '3h'],
    [72 * 3_600_000, '3d'],
  ])('%d ms ago is %s', (ageMs, text) => {
    expect(formatAge(nowMs - ageMs, nowMs)).toBe(text);
  });
});

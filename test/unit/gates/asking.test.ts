import { describe, expect, test } from 'vitest';
import type { Release, ReleaseStatus } from '../../../src/api/release.ts';
import { createGateMemory } from '../../../src/gates/asking.ts';
import type { GateAnswer, GateQuestion } from '../../../src/gates/port.ts';

const OPEN: GateAnswer = { isOpen: true, says: 'It answered 200.' };
const CLOSED: GateAnswer = { isOpen: false, says: 'It answered 403; 2xx would open it.' };

const releaseAt = (change: Partial<ReleaseStatus> = {}): Release => ({
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'Release',
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '1', generation: 1 },
  spec: {
    workload: { pair: { members: ['web-v1', 'web-v2'] } },
    strategy: { canary: { steps: [{ setWeight: 5 }, { gate: { url: 'https://gate/web' } }, { pause: {} }] } },
  },
  status: {
    phase: 'Progressing',
    revision: { canary: 'ccc', rejected: [] },
    attempt: 1,
    weight: 5,
    step: { index: 2, of: 3, since: '2026-01-01T00:00:00Z', waitingFor: 'gate' },
    conditions: [],
    ...change,
  },
});

/** A gate whose answers are given by hand. */
function lab() {
  const asked: GateQuestion[] = [];
  const woken: string[] = [];
  const answers: ((answer: GateAnswer) => void)[] = [];
  let nowMs = 0;
  const closing = new AbortController();
  const answerOf = createGateMemory({
    ask: (question) => {
      asked.push(question);
      return new Promise((resolve) => answers.push(resolve));
    },
    clock: { nowMs: () => nowMs },
    enqueue: async (key) => void woken.push(key),
    signal: closing.signal,
  });
  const answer = async (with_: GateAnswer): Promise<void> => {
    answers.shift()?.(with_);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { asked, woken, answerOf, answer, pass: (ms: number) => void (nowMs += ms) };
}

describe('a gate', () => {
  test('is asked in the background; the answer wakes the release', async () => {
    const { asked, woken, answerOf, answer } = lab();
    expect(answerOf(releaseAt())).toBeUndefined();
    expect(asked).toEqual([
      { url: 'https://gate/web', namespace: 'shop', name: 'web', revision: 'ccc', attempt: 1, step: 2, weight: 5 },
    ]);
    answerOf(releaseAt());
    expect(asked).toHaveLength(1);
    await answer(OPEN);
    expect(woken).toEqual(['shop/web']);
    expect(answerOf(releaseAt())).toEqual(OPEN);
  });

  test('that is closed is asked again after a while, and wakes nobody while it says the same', async () => {
    const { asked, woken, answerOf, answer, pass } = lab();
    answerOf(releaseAt());
    await answer(CLOSED);
    pass(9_999);
    expect(answerOf(releaseAt())).toEqual(CLOSED);
    expect(asked).toHaveLength(1);
    pass(1);
    answerOf(releaseAt());
    expect(asked).toHaveLength(2);
    expect(answerOf(releaseAt())).toEqual(CLOSED);
    await answer(CLOSED);
    expect(woken).toHaveLength(1);
  });

  test('that is open is not asked again', async () => {
    const { asked, answerOf, answer, pass } = lab();
    answerOf(releaseAt());
    await answer(OPEN);
    pass(60_000);
    expect(answerOf(releaseAt())).toEqual(OPEN);
    expect(asked).toHaveLength(1);
  });

  test.each([
    ['another revision', { revision: { canary: 'ddd', rejected: [] } }],
    ['another attempt', { attempt: 2 }],
    ['another weight', { weight: 10 }],
  ])('that was open for one is asked anew for %s', async (_name, change) => {
    const { asked, answerOf, answer } = lab();
    answerOf(releaseAt());
    await answer(OPEN);
    expect(answerOf(releaseAt(change))).toBeUndefined();
    expect(asked).toHaveLength(2);
  });

  test.each([
    ['at another step', { step: { index: 1, of: 3, since: '2026-01-01T00:00:00Z', waitingFor: 'traffic' } }],
    ['before its first step', { step: { index: 0, of: 3, since: '2026-01-01T00:00:00Z', waitingFor: 'pods' } }],
    ['that was aborted at the gate', { phase: 'Aborted' as const }],
    ['that is being aborted', { phase: 'Aborting' as const }],
    ['that was promoted past the gate', { phase: 'Promoted' as const }],
  ])('is not asked for a release %s', (_name, change) => {
    const { asked, answerOf } = lab();
    expect(answerOf(releaseAt(change))).toBeUndefined();
    expect(asked).toEqual([]);
  });
});

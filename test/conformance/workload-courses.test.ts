/** What every kind of workload must come to, whatever happens on the way, and whoever dies between any two writes. */
import { describe, expect, test } from 'vitest';
import { type Course, COURSES, type Played, type SituationName, SITUATIONS } from '../support/courses.ts';

/** Phase and reason at the end, and what history says of the releases on the way. */
const ENDS: Readonly<Record<SituationName, { readonly end: string; readonly history: readonly string[] }>> = {
  'every judgement passes': { end: 'Promoted', history: ['Promoted'] },
  'the evidence is against it': { end: 'Aborted ErrorsAboveStable', history: ['Aborted'] },
  'a person gives it up': { end: 'Aborted AbortedByPerson', history: ['Aborted'] },
  'a person sends it to 100 %': { end: 'Promoted PromotedByPerson', history: ['Promoted'] },
  'a newer revision comes on the way': { end: 'Promoted', history: ['Superseded', 'Promoted'] },
  'it is taken back on the way': { end: 'Aborted Superseded', history: ['Superseded'] },
  'its pods crash again and again': { end: 'Aborted CanaryCrashLooping', history: ['Aborted'] },
  'the workload is deleted on the way': { end: 'Held WorkloadNotFound', history: [] },
};

const endOf = ({ status: { phase, reason } }: Played): string =>
  phase === 'Promoted' && reason !== 'PromotedByPerson' ? phase : `${phase} ${reason}`;

describe.each(COURSES)('$name', (course) => {
  test.each(SITUATIONS)('%s', async (situation) => {
    const played = await course.play(situation);
    const { status } = played;
    expect({ end: endOf(played), history: status.history?.map(({ outcome }) => outcome) ?? [] }).toEqual(
      ENDS[situation],
    );
    if (status.phase === 'Promoted' || status.phase === 'Aborted') {
      expect(status.weight).toBe(0);
      expect(status.endedAt).toBeDefined();
      expect(status.conditions.find(({ type }) => type === 'Completed')?.status).toBe('True');
    }
    const isRejected = status.phase === 'Aborted' && status.reason !== 'Superseded';
    expect(status.revision.rejected).toEqual(isRejected ? [status.history?.at(-1)?.revision] : []);
    if (status.phase === 'Promoted') expect(status.revision.stable).toBe(status.history?.at(-1)?.revision);
  });

  test('both arms are found with pods of their own while somebody judges', async () => {
    const { judgedArms } = await course.play('every judgement passes');
    expect(judgedArms.length).toBeGreaterThan(1);
    for (const { stable, canary } of judgedArms) {
      const names = [stable, canary].map((arm) => arm?.pods.map(({ name }) => name) ?? []);
      expect(names[0]?.length).toBeGreaterThan(0);
      expect(names[1]?.length).toBeGreaterThan(0);
      expect(new Set(names.flat()).size).toBe(names.flat().length);
      expect(canary?.revision).not.toBe(stable.revision);
      expect(canary?.readyReplicas).toBeGreaterThan(0);
    }
  });

  test('at a later step the canary has no fewer pods', async () => {
    const { judgedArms } = await course.play('every judgement passes');
    const sizes = judgedArms.map(({ canary }) => canary?.desiredReplicas ?? 0);
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  });

  // Death at every write is tried elsewhere for the others: test/unit/workloads, test/integration/reconcile-release.test.ts.
  const isOnlyHere = course.name === 'argoRollout' || course.name === 'kruiseRollout';
  describe.each([
    { when: 'after', every: isOnlyHere ? 1 : 4 },
    { when: 'before', every: isOnlyHere ? 2 : 6 },
  ] as const)('killed $when a write', ({ when, every }) => {
    test.each(['every judgement passes', 'the evidence is against it'] as const)(
      '%s: the end is the same',
      { timeout: 300_000 },
      async (situation) => {
        const expected = remains(await course.play(situation));
        const deaths = await diesOftenIn(course, situation, { when, every }, (played, at) =>
          expect(remains(played), `killed ${when} write ${at}`).toEqual(expected),
        );
        expect(deaths).toBeGreaterThan(1);
      },
    );
  });
});

/** Plays it again and again, with a death a little later each time; answers how often somebody died. */
async function diesOftenIn(
  course: Course,
  situation: SituationName,
  { when, every }: { readonly when: 'before' | 'after'; readonly every: number },
  check: (played: Played, at: number) => void,
): Promise<number> {
  for (let deaths = 0; ; deaths++) {
    const at = deaths * every;
    const played = await course.play(situation, { at, when });
    check(played, at);
    if (!played.hasDied) return deaths;
  }
}

/** Times and versions aside. */
function remains({ status }: Played): unknown {
  const { phase, reason, revision, weight, attempt, history, taken, gate } = status;
  return {
    phase,
    reason,
    revision,
    weight,
    attempt,
    taken,
    gate,
    history: history?.map(({ outcome, weight: reached, attempt: tries }) => ({ outcome, reached, tries })),
  };
}

/** Plays the stories: lets a version go out, takes Prometheus away where the story says so, and waits for the end. */
import type { Release } from '../../api/release.ts';
import type { Clock } from '../../clock.ts';
import type { Audience } from './audience.ts';
import { releaseCandidate, type Stage } from './stage.ts';
import type { Story } from './stories.ts';
import { endingOf, type Ending, hasEnded } from './summary.ts';

export interface DirectorOptions {
  readonly stage: Stage;
  readonly audience: Audience;
  readonly clock: Clock;
  /** Says one sentence to people. */
  readonly tell: (sentence: string) => void;
  readonly signal: AbortSignal;
}

/** No story may take longer; what has not ended by then is a failure of the demo. */
const LONGEST_MS = 150_000;
const LOOK_EVERY_MS = 200;

async function until(options: DirectorOptions, limitMs: number, isTrue: () => boolean): Promise<boolean> {
  const endMs = options.clock.nowMs() + limitMs;
  while (!isTrue()) {
    if (options.clock.nowMs() > endMs) return false;
    await options.clock.sleep(LOOK_EVERY_MS, options.signal);
  }
  return true;
}

const weightOf = (release: Release | undefined): number => release?.status?.weight ?? 0;
const startOf = (release: Release | undefined): string | undefined => release?.status?.startedAt;

/** Resolves when Serin knows the release and has nothing to do for it. */
export async function untilIdle(options: DirectorOptions, stories: readonly Story[]): Promise<boolean> {
  return await until(options, 60_000, () =>
    stories.every(({ app }) => options.audience.release(app)?.status?.phase === 'Idle'),
  );
}

export async function play(story: Story, options: DirectorOptions): Promise<Ending> {
  const { audience, clock, stage, tell } = options;
  tell(story.tells);
  const sinceMs = clock.nowMs();
  await releaseCandidate(stage.sandbox, story);
  const hasBegun = await until(options, 30_000, () => startOf(audience.release(story.app)) !== undefined);
  if (!hasBegun) return endingOf(story, audience.release(story.app), clock.nowMs() - sinceMs);
  const complaint = story.outage === undefined ? '' : await playOutage(story, story.outage, options);
  await until(options, LONGEST_MS, () => hasEnded(story, audience.release(story.app)));
  const ending = endingOf(story, audience.release(story.app), clock.nowMs() - sinceMs);
  return ending.complaint === '' ? { ...ending, complaint } : ending;
}

/** Takes Prometheus away during the first judged step. Answers what went wrong, or nothing. */
async function playOutage(
  story: Story,
  outage: { readonly afterMs: number; readonly forMs: number },
  options: DirectorOptions,
): Promise<string> {
  const { audience, clock, stage, tell } = options;
  await until(options, 30_000, () => weightOf(audience.release(story.app)) > 0);
  await clock.sleep(outage.afterMs, options.signal);
  if (hasEnded(story, audience.release(story.app))) return 'the release ended before the outage';
  await stage.sandbox.stopPrometheus();
  await clock.sleep(1_000, options.signal);
  const weight = weightOf(audience.release(story.app));
  tell(`Prometheus is stopped for ${Math.round(outage.forMs / 1000)} s while ${story.app} has ${weight} %`);
  await clock.sleep(outage.forMs, options.signal);
  const after = audience.release(story.app);
  const said = after?.status?.message ?? after?.status?.verdict?.says ?? '';
  tell(
    `Prometheus starts again; ${story.app} is ${after?.status?.phase ?? 'gone'} at ${weightOf(after)} %${said === '' ? '' : `: ${said}`}`,
  );
  await stage.sandbox.startPrometheus();
  return weightOf(after) === weight ? '' : `the weight went from ${weight} % to ${weightOf(after)} % without any data`;
}

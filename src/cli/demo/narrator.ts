/** Tells the stories as they go: one screen redrawn in place on a terminal, one line per change elsewhere. */
import type { Release } from '../../api/release.ts';
import { createCanvas } from '../screen/canvas.ts';
import { elapsed } from '../screen/numbers.ts';
import { renderRelease, toneOf } from '../screen/release-screen.ts';
import { type Paint, padEnd } from '../screen/style.ts';
import type { Audience } from './audience.ts';
import { DEMO_NAMESPACE } from './objects.ts';
import { slackLines } from './slack-lines.ts';
import type { Story } from './stories.ts';

export interface Narrator {
  tell(sentence: string): void;
  /** The Slack message, as the receiver got it. */
  tellMessage(body: string): void;
  /** Looks at every release, says what changed, and redraws. */
  look(): void;
  end(): void;
}

export interface NarratorOptions {
  readonly stream: NodeJS.WriteStream;
  readonly paint: Paint;
  readonly stories: readonly Story[];
  readonly audience: Audience;
  readonly title: string;
  readonly startedMs: number;
  readonly nowMs: () => number;
}

const clockTime = (nowMs: number): string => new Date(nowMs).toISOString().slice(11, 19);

/** What makes a change worth a line of its own; the numbers of a verdict in the making are for the screen. */
function stateOf(release: Release | undefined): string {
  const { phase, weight, reason, step } = release?.status ?? {};
  const why = phase === 'Progressing' ? step?.waitingFor : reason;
  return phase === undefined || phase === 'Idle' ? '' : [phase, weight, why, step?.index].join('|');
}

export function changeLine(release: Release, paint: Paint): string {
  const { status } = release;
  const phase = status?.phase ?? 'Idle';
  const step = status?.step === undefined ? '' : `step ${status.step.index}/${status.step.of}`;
  const place = `${DEMO_NAMESPACE}/${release.metadata.name}`;
  const says = status?.message ?? status?.verdict?.says ?? '';
  return [
    padEnd(place, 13),
    paint(toneOf(phase), padEnd(phase, 11)),
    `canary ${padEnd(`${status?.weight ?? 0} %`, 5)}`,
    padEnd(step, 8),
    padEnd(status?.reason ?? '', 18),
    says,
  ]
    .join('  ')
    .trimEnd();
}

export function createNarrator(options: NarratorOptions): Narrator {
  const { stream, paint, stories, audience } = options;
  const canvas = stream.isTTY === true ? createCanvas(stream) : undefined;
  const known = new Map<string, string>();
  let spotlight = stories[0]?.app ?? '';
  let spotlightSinceMs = 0;

  const say = (line: string): void => {
    if (canvas === undefined) stream.write(`${line}\n`);
    else canvas.print(line);
  };
  const timed = (line: string): void => say(`${paint('dim', clockTime(options.nowMs()))}  ${line}`);

  const noteChanges = (): void => {
    for (const { app } of stories) {
      const release = audience.release(app);
      const state = stateOf(release);
      if (release === undefined || state === '' || state === known.get(app)) continue;
      known.set(app, state);
      timed(changeLine(release, paint));
      if (options.nowMs() - spotlightSinceMs > 4_000) {
        spotlight = app;
        spotlightSinceMs = options.nowMs();
      }
    }
  };
  const overview = (): readonly string[] =>
    stories.map(({ app }) => {
      const status = audience.release(app)?.status;
      const phase = status?.phase ?? '…';
      // Once promoted the new version is stable and there is no canary: what it has is everything.
      const share = phase === 'Promoted' ? 100 : (status?.weight ?? 0);
      const bar = '━'.repeat(Math.round(share / 5)).padEnd(20, '╌');
      const mark = app === spotlight ? '▸' : ' ';
      return ` ${mark} ${padEnd(app, 9)}${paint(toneOf(phase), padEnd(phase, 12))}${paint('magenta', bar)} ${padEnd(`${share} %`, 6)}${padEnd(status?.verdict?.outcome ?? '', 13)}${padEnd(status?.verdict?.odds ?? '', 14)}${status?.reason ?? ''}`;
    });
  const redraw = (): void => {
    const nowMs = options.nowMs();
    const view = audience.view(spotlight, nowMs);
    const width = stream.columns ?? 80;
    canvas?.draw([
      paint('dim', '─'.repeat(width)),
      `${paint('bold', 'Serin')}  ${options.title}  ${elapsed(nowMs - options.startedMs)}`,
      ...overview(),
      '',
      ...(view === undefined ? [] : renderRelease(view, width, paint)),
    ]);
  };

  return {
    tell: (sentence) => timed(paint('bold', sentence)),
    tellMessage: (body) => {
      for (const line of slackLines(body)) say(`          ${paint('cyan', '│')} ${line}`);
    },
    look: () => {
      noteChanges();
      redraw();
    },
    end: () => canvas?.end(),
  };
}

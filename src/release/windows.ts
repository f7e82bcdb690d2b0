/**
 * When Serin may raise weights by itself: inside one of `spec.windows` (none: always), and outside of all `spec.freezes`. Wall-clock times
 * in a named time zone, as people plan them: on the two days a year on which clocks change, a window is an hour longer or shorter.
 */
import type { Finding } from '../api/meta.ts';
import type { ReleaseSpec } from '../api/release.ts';
import { quote } from '../api/units.ts';

type Window = NonNullable<ReleaseSpec['windows']>[number];
type Freeze = NonNullable<ReleaseSpec['freezes']>[number];

/** In the order of `Date`'s days. */
export const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const DAY_MINUTES = 24 * 60;
const WEEK_MINUTES = 7 * DAY_MINUTES;

/** Why nothing may be raised at this moment, and until when; `undefined` when it may. */
export function closedCause({ windows = [], freezes = [] }: ReleaseSpec, nowMs: number): Finding | undefined {
  const freeze = freezes.find(({ from, to }) => nowMs >= Date.parse(from) && nowMs < Date.parse(to));
  if (freeze !== undefined) return { reason: 'Frozen', message: sayFreeze(freeze) };
  if (windows.length === 0 || windows.some((window) => isOpen(window, nowMs))) return undefined;
  return { reason: 'OutsideWindow', message: sayNext(windows, nowMs) };
}

/** What the schema cannot tell: zones that nobody knows, spans without length. */
export function windowFindings({ windows = [], freezes = [] }: ReleaseSpec): readonly Finding[] {
  const problems = [
    ...windows.flatMap(({ timeZone = 'UTC', from, to }, index) => [
      ...(isZone(timeZone)
        ? []
        : [
            `spec.windows[${index}].timeZone is ${quote(timeZone)}, which is no known zone. Write one such as Europe/Berlin or UTC.`,
          ]),
      ...(from === to
        ? [`spec.windows[${index}] opens and closes at ${from}. Write two times; 00:00 and 24:00 for a whole day.`]
        : []),
    ]),
    ...freezes.flatMap(({ from, to }, index) =>
      Date.parse(from) < Date.parse(to)
        ? []
        : [`spec.freezes[${index}] ends at ${quote(to)}, which is not after ${quote(from)}. Exchange the two times.`],
    ),
  ];
  return problems.map((message) => ({ reason: 'InvalidSpec', message }));
}

function isZone(timeZone: string): boolean {
  try {
    clockOf(timeZone);
    return true;
  } catch {
    return false; // Intl throws a RangeError for zones it does not know
  }
}

const clockOf = (timeZone: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });

/** Minutes since Sunday, 00:00, on the clocks of a zone. */
function minuteOfWeek(timeZone: string, nowMs: number): number {
  const parts = new Map(
    clockOf(timeZone)
      .formatToParts(nowMs)
      .map(({ type, value }) => [type, value]),
  );
  const day = DAYS.findIndex((name) => name === parts.get('weekday'));
  return day * DAY_MINUTES + Number(parts.get('hour')) * 60 + Number(parts.get('minute'));
}

/** First minutes of the week at which a window opens, and for how many minutes. One that ends earlier than it begins ends on the next day. */
function openings({ days, from, to }: Window): { readonly starts: readonly number[]; readonly minutes: number } {
  const [fromMinute, toMinute] = [minuteOfDay(from), minuteOfDay(to)];
  return {
    starts: (days ?? DAYS).map((day) => DAYS.indexOf(day) * DAY_MINUTES + fromMinute),
    minutes: toMinute > fromMinute ? toMinute - fromMinute : toMinute - fromMinute + DAY_MINUTES,
  };
}

function minuteOfDay(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

const later = (from: number, to: number): number => (to - from + WEEK_MINUTES) % WEEK_MINUTES;

function isOpen(window: Window, nowMs: number): boolean {
  const now = minuteOfWeek(window.timeZone ?? 'UTC', nowMs);
  const { starts, minutes } = openings(window);
  return starts.some((start) => later(start, now) < minutes);
}

function sayFreeze({ to, because }: Freeze): string {
  const why = because === undefined ? '' : ` (${because})`;
  return `Frozen until ${to}${why}. Weights stay as they are; an abort works, and promote leaves a step.`;
}

/** Of all windows the opening that comes next. */
function sayNext(windows: readonly Window[], nowMs: number): string {
  const next = windows
    .flatMap((window) => {
      const { timeZone = 'UTC' } = window;
      const now = minuteOfWeek(timeZone, nowMs);
      return openings(window).starts.map((start) => ({
        start,
        timeZone,
        from: window.from,
        inMinutes: later(now, start),
      }));
    })
    .reduce((first, each) => (each.inMinutes < first.inMinutes ? each : first));
  const day = DAYS[Math.floor(next.start / DAY_MINUTES)] ?? '';
  return `Outside of its windows; the next one opens ${day} ${next.from} (${next.timeZone}). Weights stay as they are; an abort works, and promote leaves a step.`;
}

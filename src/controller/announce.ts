/** Telling people of transitions: an Event each, and messages to those the Release names. Repeating it is harmless by id. */
import type { NotifySink, Release } from '../api/release.ts';
import type { Clock } from '../clock.ts';
import { SerinError } from '../errors.ts';
import { formatOdds } from '../judge/format.ts';
import { rates, surely } from '../judge/render-sentence.ts';
import type { MetricVerdict, StepVerdict } from '../judge/verdict.ts';
import type { KubeClient } from '../kube/port.ts';
import type { Log } from '../logger.ts';
import type { ReleaseMessage } from '../notify/port.ts';
import type { Announcement } from '../release/action.ts';
import type { Gathered } from './gather.ts';
import { eventOf, recordEvent } from './events.ts';

export interface AnnounceDeps {
  readonly kube: Pick<KubeClient, 'create'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Log;
  /** Name of this process, shown in Events. */
  readonly identity: string;
  /** Puts messages into their own queue, once per announcement id and sink; nobody waits for their delivery. */
  readonly notify: (message: ReleaseMessage, sinks: readonly NotifySink[]) => Promise<void>;
}

export async function announce(
  deps: AnnounceDeps,
  { observed }: Gathered,
  announcements: readonly Announcement[],
  signal: AbortSignal,
): Promise<void> {
  const { release, run } = observed;
  for (const announcement of announcements) {
    const nowMs = deps.clock.nowMs();
    await tryEvent(deps, release, announcement, nowMs, signal);
    const sinks = release.spec.notify ?? [];
    if (sinks.length > 0) await deps.notify(messageOf(release, announcement, run?.verdict, nowMs), sinks);
  }
}

/** Events are for people: whatever keeps one from being written, the release goes on without it. One line in the log for each. */
async function tryEvent(
  deps: AnnounceDeps,
  release: Release,
  announcement: Announcement,
  nowMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name } = release.metadata;
  const event = eventOf(release, announcement, nowMs, deps.identity);
  const fields = { namespace, name, announcement: announcement.id };
  try {
    if (await recordEvent(deps.kube, event, signal)) return;
    deps.log.warn(fields, 'An Event could not be written.');
  } catch (err) {
    signal.throwIfAborted();
    if (err instanceof SerinError && err.code === 'SERIN_E_ABORTED') throw err;
    deps.log.warn({ ...fields, err }, 'An Event could not be written.');
  }
}

/** What a message about this transition may show. */
export function messageOf(
  release: Release,
  announcement: Announcement,
  verdict: StepVerdict | undefined,
  nowMs: number,
): ReleaseMessage {
  const { metadata, status } = release;
  const last = status?.history?.at(-1);
  const isOver =
    announcement.what === 'aborted' || announcement.what === 'promoted' || announcement.what === 'superseded';
  const startedAtMs = Date.parse((isOver ? last?.startedAt : status?.startedAt) ?? '');
  const endedAtMs = isOver ? Date.parse(last?.endedAt ?? '') : nowMs;
  const elapsedMs = endedAtMs - startedAtMs;
  return {
    announcement,
    namespace: metadata.namespace,
    release: metadata.name,
    revision: revisionsOf(release, announcement),
    weight: isOver ? (last?.weight ?? 0) : (status?.weight ?? 0),
    ...(Number.isFinite(elapsedMs) ? { elapsedMs: Math.max(0, elapsedMs) } : {}),
    timeMs: Number.isFinite(endedAtMs) ? endedAtMs : nowMs,
    facts: verdict === undefined || announcement.what === 'started' ? [] : factsOf(verdict),
  };
}

function revisionsOf({ status }: Release, { what }: Announcement): ReleaseMessage['revision'] {
  const { stable, canary, previousStable } = status?.revision ?? {};
  const [before, after] = what === 'promoted' ? [previousStable, stable] : [stable, canary];
  return { ...(before === undefined ? {} : { stable: before }), ...(after === undefined ? {} : { canary: after }) };
}

/** The metric that decides comes first; at most four lines. */
function factsOf(verdict: StepVerdict): readonly string[] {
  const isFirst = ({ name }: MetricVerdict): number => (name === verdict.metric ? 0 : 1);
  const shown = verdict.metrics.filter(isShowable).toSorted((a, b) => isFirst(a) - isFirst(b));
  return shown.slice(0, 4).map(factOf);
}

/** Verdicts come out of a status that another version may have written. */
function isShowable(metric: Partial<MetricVerdict>): boolean {
  return (
    typeof metric.name === 'string' &&
    typeof metric.canary?.total === 'number' &&
    typeof metric.stable?.total === 'number'
  );
}

/** `errors: canary 5.06 % against stable 0.50 % (10×, at least 8×) · odds 3 100 : 1` */
function factOf(metric: MetricVerdict): string {
  const said = rates(metric);
  const edge = metric.outcome === 'Fail' ? surely(metric) : '';
  const rate = said.endsWith(')') ? `${said.slice(0, -1)}${edge})` : `${said}${edge}`;
  const odds = metric.outcome === 'Fail' || metric.odds > 1 ? ` · odds ${formatOdds(metric.odds)}` : '';
  return `${metric.name}: ${rate}${odds}`;
}

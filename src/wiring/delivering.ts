/** The processor of the `notify` queue: the sinks that exist, with the hosts that the configuration allows. */
import { FIELD_MANAGERS, type Finding, TYPES } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import { eventOf, recordEvent } from '../controller/events.ts';
import { createDeliver } from '../notify/deliver.ts';
import type { Notifier } from '../notify/port.ts';
import { createSlackNotifier } from '../notify/slack.ts';
import { createWebhookNotifier } from '../notify/webhook.ts';
import { shortHash } from '../release/revision.ts';
import { undeliveredOperations } from '../notify/undelivered.ts';
import type { Parts } from './parts.ts';

export function deliveringOf(parts: Parts): ReturnType<typeof createDeliver> {
  const { kube, clock, config } = parts;
  const common = { clock, hosts: config.notifyHosts };
  return createDeliver({
    kube,
    clock,
    notifiers: {
      slack: counted(parts, createSlackNotifier(common)),
      webhook: counted(parts, createWebhookNotifier(common)),
    },
    keep: (...what) => kept(parts, ...what),
    report: async ({ namespace, name }, { reason, message }, signal) => {
      const found = await kube.get({ type: TYPES.release, namespace, name }, signal);
      if (found === undefined) return;
      const release = found as unknown as Release; // the API server checked it
      const id = `${release.metadata.uid}/${reason}/${shortHash(message)}`;
      const announcement = { id, what: 'invalid', severity: 'Warning', reason, message } as const;
      await recordEvent(kube, eventOf(release, announcement, clock.nowMs(), config.identity), signal);
    },
  });
}

/** Of use to people only: whoever wrote the status in between comes first, and the next message says it again. */
async function kept(
  { kube, clock, log }: Parts,
  release: { readonly namespace: string; readonly name: string },
  sink: number,
  finding: Finding | undefined,
  signal: AbortSignal,
): Promise<void> {
  const target = { type: TYPES.release, ...release };
  try {
    const found = await kube.get(target, signal);
    if (found === undefined) return;
    const now = new Date(clock.nowMs()).toISOString();
    // The API server checked it.
    const operations = undeliveredOperations(found as unknown as Release, sink, finding, now);
    if (operations.length === 0) return;
    await kube.patch(
      { kind: 'json', target, subresource: 'status', operations, fieldManager: FIELD_MANAGERS.status },
      signal,
    );
  } catch (err) {
    log.warn({ ...release, sink, err }, 'That messages do not go out could not be kept in the status.');
  }
}

function counted({ telemetry }: Parts, notifier: Notifier): Notifier {
  return {
    name: notifier.name,
    post: async (message, target, signal) => {
      try {
        await notifier.post(message, target, signal);
        telemetry.count('serin_notifications_total', { sink: notifier.name, result: 'delivered' });
      } catch (thrown) {
        telemetry.count('serin_notifications_total', { sink: notifier.name, result: 'failed' });
        throw thrown;
      }
    },
  };
}

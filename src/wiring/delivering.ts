/** The processor of the `notify` queue: the sinks that exist, with the hosts that the configuration allows. */
import { TYPES } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import { eventOf, recordEvent } from '../controller/events.ts';
import { createDeliver } from '../notify/deliver.ts';
import type { Notifier } from '../notify/port.ts';
import { createSlackNotifier } from '../notify/slack.ts';
import { createWebhookNotifier } from '../notify/webhook.ts';
import { shortHash } from '../release/revision.ts';
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

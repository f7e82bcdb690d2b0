/** Slack through an incoming webhook: one message per change, fire and forget. */
import type { Clock } from '../clock.ts';
import type { Notifier } from './port.ts';
import { post } from './post.ts';
import { slackMessage } from './slack-message.ts';

export function createSlackNotifier({
  clock,
  hosts,
}: {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly hosts: readonly string[];
}): Notifier {
  return {
    name: 'slack',
    post: (message, { url, channel }, signal) =>
      post(url, JSON.stringify(slackMessage(message, channel)), {
        hosts,
        signal,
        nowMs: clock.nowMs(),
        headers: { 'content-type': 'application/json; charset=utf-8' },
      }),
  };
}

/**
 * Any receiver that takes JSON: a CloudEvents envelope, signed when the sink has a signing key. The signature is an HMAC-SHA256 over
 * `<seconds>.<body>` in `Serin-Signature: t=<seconds>,v1=<hex>`; a receiver checks it and refuses an old `t`.
 */
import { createHmac } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { CLOUD_EVENT_TYPE, cloudEvent } from './cloud-event.ts';
import type { Notifier } from './port.ts';
import { post } from './post.ts';

export function signatureOf(body: string, signingKey: string, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1_000);
  return `t=${seconds},v1=${createHmac('sha256', signingKey).update(`${seconds}.${body}`).digest('hex')}`;
}

export function createWebhookNotifier({
  clock,
  hosts,
}: {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly hosts: readonly string[];
}): Notifier {
  return {
    name: 'webhook',
    post: async (message, { url, signingKey }, signal) => {
      const body = JSON.stringify(cloudEvent(message));
      const nowMs = clock.nowMs();
      const signature = signingKey === undefined ? {} : { 'serin-signature': signatureOf(body, signingKey, nowMs) };
      await post(url, body, { hosts, signal, nowMs, headers: { 'content-type': CLOUD_EVENT_TYPE, ...signature } });
    },
  };
}

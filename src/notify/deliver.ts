/**
 * Processor of the `notify` queue: reads the Secret that a sink names, posts the message, and gives up in the end. Nothing waits for
 * it, and nothing but the message is lost with it. Addresses and keys live as long as one call and are in no log, error or job.
 */
import type { Finding } from '../api/meta.ts';
import type { Clock } from '../clock.ts';
import { SerinError } from '../errors.ts';
import type { KubeReader } from '../kube/port.ts';
import { readSecret, type SecretKey } from '../kube/secret.ts';
import { parseDelivery } from './deliveries.ts';
import type { Delivery, Notifier, NotifyTarget } from './port.ts';

/** A message older than this tells people nothing they did not find out themselves. */
export const GIVE_UP_AFTER_MS = 15 * 60_000;

interface ReleaseName {
  readonly namespace: string;
  readonly name: string;
}

export interface DeliverDeps {
  readonly kube: Pick<KubeReader, 'get'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly notifiers: Readonly<Record<Notifier['name'], Notifier>>;
  /** Shows on the Release why a message did not go out (an Event); told of each failed try, so repeating must be harmless. */
  readonly report: (release: ReleaseName, finding: Finding, signal: AbortSignal) => Promise<void>;
  /** Keeps in the Release's status that this sink gets no messages, or gets them again (`undefined`). Never throws. */
  readonly keep?: (
    release: ReleaseName,
    sinkIndex: number,
    finding: Finding | undefined,
    signal: AbortSignal,
  ) => Promise<void>;
}

/** For `queue('notify').work`; a returned number asks to be tried again after so many ms, as the receiver wished. */
export function createDeliver(
  deps: DeliverDeps,
): (key: string, signal: AbortSignal, payload?: string) => Promise<number | undefined> {
  return async (key, signal, payload) => {
    const delivery = parseDelivery(key, payload);
    const { message, sinkIndex } = delivery;
    const release = { namespace: message.namespace, name: message.release };
    const field = `spec.notify[${sinkIndex}]`;
    try {
      const { notifier, target } = await readTarget(deps, delivery, signal);
      await notifier.post(message, target, signal);
      await deps.keep?.(release, sinkIndex, undefined, signal);
      return undefined;
    } catch (thrown) {
      signal.throwIfAborted();
      if (!(thrown instanceof SerinError)) throw thrown;
      const isForbidden = thrown.code === 'SERIN_E_FORBIDDEN';
      const isOver = !thrown.retryable || deps.clock.nowMs() - message.timeMs > GIVE_UP_AFTER_MS;
      if (isForbidden || isOver) {
        const reason = isForbidden ? 'SecretForbidden' : 'NotDelivered';
        await deps.keep?.(release, sinkIndex, { reason, message: `${field}: ${thrown.message}` }, signal);
        const message = `Release ${release.namespace}/${release.name}: ${field}: ${thrown.message}`;
        await deps.report(release, { reason, message }, signal);
      }
      if (isOver)
        throw thrown.retryable ? new SerinError('SERIN_E_INVALID_SPEC', thrown.message, { cause: thrown }) : thrown;
      const retryAfterMs = thrown.fields['retryAfterMs'];
      if (typeof retryAfterMs === 'number') return Math.max(1_000, retryAfterMs);
      throw thrown;
    }
  };
}

async function readTarget(
  deps: DeliverDeps,
  { message, sink }: Delivery,
  signal: AbortSignal,
): Promise<{ notifier: Notifier; target: NotifyTarget }> {
  const read = (reference: SecretKey): Promise<string> => readSecret(deps.kube, message.namespace, reference, signal);
  if (sink.slack !== undefined) {
    const { channel, secretRef } = sink.slack;
    const url = await read(secretRef);
    return { notifier: deps.notifiers.slack, target: { url, ...(channel === undefined ? {} : { channel }) } };
  }
  if (sink.webhook !== undefined) {
    const { secretRef, signingSecretRef } = sink.webhook;
    const url = await read(secretRef);
    const signingKey = signingSecretRef === undefined ? undefined : await read(signingSecretRef);
    return { notifier: deps.notifiers.webhook, target: { url, ...(signingKey === undefined ? {} : { signingKey }) } };
  }
  throw new SerinError('SERIN_E_INVALID_SPEC', 'It names neither slack nor webhook. Name one of them.');
}

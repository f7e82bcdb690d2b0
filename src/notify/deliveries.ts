/** Which messages go out for an announcement: one per sink, with a key that makes a repeated announcement harmless. */
import type { NotifySink, Transition } from '../api/release.ts';
import { SerinError } from '../errors.ts';
import type { Delivery, ReleaseMessage } from './port.ts';

/** Transitions that people get a message of; the others are Kubernetes Events only. */
const TOLD: ReadonlySet<Transition> = new Set([
  'started',
  'held',
  'resumed',
  'aborted',
  'promoted',
  'retreated',
  'superseded',
  'invalid',
  'noted',
]);

/** For `queue('notify').enqueue(key, { once: true, payload })`. */
export interface DeliveryJob {
  readonly key: string;
  readonly payload: string;
}

export function deliveriesOf(message: ReleaseMessage, sinks: readonly NotifySink[] = []): readonly DeliveryJob[] {
  const { announcement } = message;
  if (!TOLD.has(announcement.what)) return [];
  return sinks.map((sink, sinkIndex) => ({
    key: `${announcement.id}/${sinkIndex}`,
    payload: JSON.stringify({ message, sink, sinkIndex } satisfies Delivery),
  }));
}

/** What `deliveriesOf` wrote. Throws for anything else; a queue may hold jobs of another version of Serin. */
export function parseDelivery(key: string, payload: string | undefined): Delivery {
  try {
    const delivery = JSON.parse(payload ?? '') as Partial<Delivery>;
    const { message, sink, sinkIndex } = delivery;
    if (
      typeof message?.namespace === 'string' &&
      typeof message.release === 'string' &&
      typeof message.timeMs === 'number' &&
      typeof message.announcement.id === 'string' &&
      Array.isArray(message.facts) &&
      typeof sink === 'object' &&
      typeof sinkIndex === 'number'
    ) {
      return { message, sink, sinkIndex };
    }
  } catch {
    // said below
  }
  throw new SerinError(
    'SERIN_E_USAGE',
    'A message in the queue cannot be read and was dropped. It is of another version of Serin.',
    {
      fields: { key },
    },
  );
}

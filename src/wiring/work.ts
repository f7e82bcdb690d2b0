/** The processors of the three queues, and the workers that run them. */
import type { QueueWorker } from '../queue/port.ts';
import type { Parts } from './parts.ts';

export async function startWork(_parts: Parts): Promise<readonly QueueWorker[]> {
  return [];
}

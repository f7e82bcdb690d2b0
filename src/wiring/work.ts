/** The processors of the four queues, put together from the parts, and the workers that run them. */
import { createPoll, type PollMeasure } from '../controller/poll.ts';
import type { QueueWorker } from '../queue/port.ts';
import { workloadAdapterOf } from '../workloads/registry.ts';
import { deliveringOf } from './delivering.ts';
import { measuringOf } from './measuring.ts';
import type { Parts } from './parts.ts';
import { FRESH, reconcilingOf } from './reconciling.ts';

/** Messages under way at once; a slow receiver holds up only these. */
const DELIVERIES = 4;

/** Runs that are measured at once; each waits for its slowest provider. */
const MEASURED_RUNS = 16;

export function startWork(parts: Parts): Promise<readonly QueueWorker[]> {
  const { queues, config } = parts;
  return Promise.all([
    queues.queue('reconcile').work(reconcilingOf(parts), { concurrency: config.concurrency }),
    // One poll at a time and shard: the next grid instant waits, and what was missed is re-read by range.
    queues.queue('poll').work(pollingOf(parts), { concurrency: config.shards }),
    queues.queue('measure').work(measuringOf(parts), { concurrency: MEASURED_RUNS }),
    queues.queue('notify').work(deliveringOf(parts), { concurrency: DELIVERIES }),
  ]);
}

function pollingOf(parts: Parts): ReturnType<typeof createPoll> {
  const { config, queues, telemetry, log } = parts;
  const onPoll = (measure: PollMeasure): void => {
    telemetry.observe('serin_poll_lateness_seconds', {}, Math.max(0, measure.latenessMs - config.lagMs) / 1_000);
    telemetry.observe('serin_poll_duration_seconds', {}, measure.durationMs / 1_000);
    log.debug({ ...measure }, 'A poll is done.');
  };
  // The verdict was written just now, the cache may not have it yet.
  const enqueue = (key: string, isUrgent: boolean): Promise<void> =>
    queues.queue('reconcile').enqueue(key, { payload: FRESH, atOnce: isUrgent, orHere: true });
  return createPoll({ ...parts, workloadOf: workloadAdapterOf, enqueue, onPoll }, config);
}

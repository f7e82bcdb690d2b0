/** The processors of the three queues, put together from the parts, and the workers that run them. */
import { createPoll, type PollMeasure } from '../controller/poll.ts';
import type { EvidenceStore } from '../evidence/port.ts';
import type { QueueWorker } from '../queue/port.ts';
import { workloadAdapterOf } from '../workloads/registry.ts';
import type { Parts } from './parts.ts';

export async function startWork(parts: Parts): Promise<readonly QueueWorker[]> {
  const { queues, config } = parts;
  // One poll at a time and shard: the next grid instant waits, and what was missed is re-read by range.
  const poll = await queues.queue('poll').work(pollOf(parts, parts.evidence), { concurrency: config.shards });
  return [poll];
}

function pollOf(parts: Parts, evidence: EvidenceStore): ReturnType<typeof createPoll> {
  const { config, queues, telemetry } = parts;
  const onPoll = (measure: PollMeasure): void => {
    telemetry.observe('serin_poll_lateness_seconds', {}, Math.max(0, measure.latenessMs - config.lagMs) / 1_000);
    telemetry.observe('serin_poll_duration_seconds', {}, measure.durationMs / 1_000);
  };
  const enqueue = (key: string): Promise<void> => queues.queue('reconcile').enqueue(key);
  return createPoll({ ...parts, evidence, workloadOf: workloadAdapterOf, enqueue, onPoll }, config);
}

/** What the processors of the queues are made from; `wiring.ts` opens them, `work.ts` puts them together. */
import type { Clock } from '../clock.ts';
import type { Config } from '../config-settings.ts';
import type { EvidenceStore } from '../evidence/port.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { KubeClient } from '../kube/port.ts';
import type { Log } from '../logger.ts';
import type { MetricSource } from '../metrics/port.ts';
import type { QueueBackend } from '../queue/port.ts';
import type { Telemetry } from '../telemetry.ts';

export interface Parts {
  readonly config: Config;
  readonly clock: Clock;
  /** Uniform on [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly kube: KubeClient;
  readonly cache: ObjectCache;
  readonly queues: QueueBackend;
  readonly evidence: EvidenceStore;
  readonly source: MetricSource;
  /** Aborts when the process stops; for what is done beside the queues. */
  readonly closing: AbortSignal;
}

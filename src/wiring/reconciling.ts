/** The processor of the `reconcile` queue, with its metrics. */
import { TYPES } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import { createReconcileRelease } from '../controller/reconcile-release.ts';
import { SerinError } from '../errors.ts';
import { createGateMemory } from '../gates/asking.ts';
import { createHttpGate } from '../gates/http.ts';
import { deliveriesOf } from '../notify/deliveries.ts';
import type { Action } from '../release/action.ts';
import { routerOf, routerThatTook, trafficHintOf } from '../traffic/registry.ts';
import { workloadAdapterOf } from '../workloads/registry.ts';
import type { Parts } from './parts.ts';

type Process = (key: string, signal: AbortSignal, payload?: string) => Promise<number | undefined>;

/** Payload of jobs that know of something newer than the cache may hold. */
export const FRESH = 'fresh';

export function reconcilingOf(parts: Parts): Process {
  const { config, queues, cache, clock, telemetry, closing } = parts;
  const gateAnswerOf = createGateMemory({
    ask: createHttpGate(config.notifyHosts),
    clock,
    enqueue: (key) => queues.queue('reconcile').enqueue(key, { orHere: true }),
    signal: closing,
  });
  const deps = {
    kube: parts.kube,
    cache,
    clock,
    log: parts.log,
    gridMs: config.gridMs,
    identity: config.identity,
    adapters: {
      workloadOf: workloadAdapterOf,
      routerOf,
      routerThatTook,
      trafficHintOf,
      gateAnswerOf,
    },
    notify: async (...[message, sinks]: Parameters<Parameters<typeof createReconcileRelease>[0]['notify']>) => {
      const jobs = deliveriesOf(message, sinks);
      await Promise.all(
        jobs.map(({ key, payload }) => queues.queue('notify').enqueue(key, { once: true, payload, orHere: true })),
      );
    },
    onAction: (action: Action, key: string) => countVerdict(parts, action, key),
  };
  const reconcile = createReconcileRelease(deps);

  return async (key, signal, payload) => {
    const startMs = clock.nowMs();
    const kind = TYPES.release.kind;
    try {
      const again = await reconcile(key, signal, payload === FRESH ? 'fresh' : 'glance');
      telemetry.count('serin_reconcile_total', { kind, result: again === undefined ? 'done' : 'requeued' });
      return again;
    } catch (thrown) {
      const code = thrown instanceof SerinError ? thrown.code : 'unexpected';
      telemetry.count('serin_reconcile_total', { kind, result: 'failed' });
      telemetry.count('serin_reconcile_errors_total', { kind, code });
      throw thrown;
    } finally {
      telemetry.observe('serin_reconcile_duration_seconds', { kind }, (clock.nowMs() - startMs) / 1_000);
    }
  };
}

/** Counted by the process that writes it down, so that the sum over replicas is right. */
function countVerdict({ cache, telemetry }: Parts, action: Action, key: string): void {
  if (action.kind !== 'writeStatus') return;
  const { verdict } = action.status;
  if (verdict === undefined || !['Pass', 'Fail', 'Inconclusive'].includes(verdict.outcome)) return;
  const [namespace = '', name = ''] = key.split('/');
  const before = cache.get({ type: TYPES.release, namespace, name }) as unknown as Release | undefined;
  const last = before?.status?.verdict;
  if (last?.outcome === verdict.outcome && last.intervalEnd === verdict.intervalEnd) return;
  telemetry.count('serin_verdicts_total', { namespace, name, verdict: verdict.outcome });
}

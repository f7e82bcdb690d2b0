/** The processor of the `measure` queue: the providers that there are, with what the configuration gives them. */
import { createMeasuring } from '../controller/measure/measuring.ts';
import { createJobProvider } from '../providers/job.ts';
import { createPrometheusProvider } from '../providers/prometheus.ts';
import { createWebProvider } from '../providers/web.ts';
import type { Parts } from './parts.ts';
import { readHeaders } from './prometheus.ts';

export function measuringOf({ kube, clock, log, config, telemetry }: Parts): ReturnType<typeof createMeasuring> {
  const ownServer = async () => ({ url: config.prometheusUrl, headers: await readHeaders(config) });
  return createMeasuring({
    kube,
    clock,
    log,
    providers: {
      prometheus: createPrometheusProvider({ clock, ownServer }),
      web: createWebProvider(),
      job: createJobProvider({ kube, clock }),
    },
    onMeasured: (provider, result, durationMs) => {
      telemetry.count('serin_provider_requests_total', { provider, result });
      telemetry.observe('serin_provider_request_duration_seconds', { provider }, durationMs / 1_000);
    },
  });
}

/** Today's traffic of a workload, from Prometheus: what the planner starts from where no flags say it. */
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import { formatDuration } from '../../api/units.ts';
import { calibrationOf } from '../../judge/calibration.ts';
import { openComparison, phiOf } from '../../judge/comparison.ts';
import type { ProportionCounts } from '../../judge/observation.ts';
import type { MetricSource } from '../../metrics/port.ts';
import { recordFromPrometheus } from '../analyze/from-prometheus.ts';
import { usage } from '../usage.ts';

export interface TrafficRange {
  readonly query: MetricQuerySpec;
  readonly namespace: string;
  readonly workload: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly intervalMs: number;
  /** Of a histogram: requests slower than this are the bad ones, ms. */
  readonly sloMs?: number;
}

export interface Traffic {
  readonly requestsPerSecond: number;
  readonly badShare: number;
  /** φ of the stable pods. */
  readonly dispersion: number;
  readonly intervalMs: number;
  readonly notes: readonly string[];
}

/** No workload is called this: all that is read is stable. */
const NOBODY = '-';

export async function readTraffic(source: MetricSource, range: TrafficRange, signal: AbortSignal): Promise<Traffic> {
  const { query, workload, sloMs } = range;
  if (query.gauge !== undefined || query.rate !== undefined)
    throw usage('A plan is made for requests: give a MetricQuery of counts or a histogram.');
  if (query.histogram !== undefined && sloMs === undefined)
    throw usage('A histogram needs --slo too: the boundary beyond which a request is too slow, e.g. --slo 250ms.');
  const recording = await recordFromPrometheus(
    source,
    { ...range, stable: workload, canary: NOBODY, warmUpMs: 0 },
    signal,
  );
  const boundaries = new Set<number>();
  const counted = recording.intervals.flatMap(({ observation }): ProportionCounts[] => {
    if (observation.kind === 'proportion') return [observation.counts];
    if (observation.kind !== 'histogram') return [];
    for (const { boundaryMs } of observation.boundaries) boundaries.add(boundaryMs);
    return observation.boundaries.flatMap((each) => (each.boundaryMs === sloMs ? [each.counts] : []));
  });
  if (counted.length === 0 && boundaries.size > 0)
    throw usage(
      `--slo is no boundary of ${query.histogram?.metric ?? 'the histogram'}. Use one of: ${[...boundaries].map((ms) => `${ms}ms`).join(', ')}.`,
    );
  const total = counted.reduce((sum, { stable }) => sum + stable.total, 0);
  if (!(total > 0))
    throw usage(
      `Prometheus has no requests of ${range.namespace}/${workload} from ${new Date(range.fromMs).toISOString()} on. Check --workload, -n and --query, or give --rps and --baseline.`,
    );
  const bad = counted.reduce((sum, { stable }) => sum + stable.bad, 0);
  const known = openComparison({ share: 1, mustPass: true }, counted);
  const calibration = calibrationOf(known.dispersion, known.dispersion.podCount);
  const seconds = (counted.length * recording.intervalMs) / 1000;
  return {
    requestsPerSecond: total / seconds,
    badShare: bad / total,
    dispersion: phiOf(known, calibration).phi,
    intervalMs: recording.intervalMs,
    notes: [
      `Traffic of ${range.namespace}/${workload} over ${formatDuration(counted.length * recording.intervalMs)} up to ${new Date(range.toMs).toISOString().replace(/\.\d+Z$/, 'Z')}.`,
      ...(calibration.uncalibrated === undefined
        ? []
        : [`Its noise is not known (${calibration.uncalibrated}): a release assumes the same until it is.`]),
    ],
  };
}

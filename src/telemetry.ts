/** Metrics about Serin itself, on a registry of its own. The only file that knows prom-client. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type LabelsOf, METRICS, type MetricName, type MetricRow } from './telemetry-table.ts';

type NameOf<Type extends MetricRow['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never;
}[MetricName];

export interface Telemetry {
  /** Adds one (or `by`) to a counter. */
  count<Name extends NameOf<'counter'>>(name: Name, labels: LabelsOf<Name>, by?: number): void;
  set<Name extends NameOf<'gauge'>>(name: Name, labels: LabelsOf<Name>, value: number): void;
  /** Records a duration in seconds. */
  observe<Name extends NameOf<'histogram'>>(name: Name, labels: LabelsOf<Name>, seconds: number): void;
  /** Exactly one value of `label` is 1 for these labels: the state set of a release's phase. */
  setOnly(
    name: 'serin_release_info',
    labels: { readonly namespace: string; readonly name: string },
    phase: string,
  ): void;
  /** Removes every series of a Release that is gone. */
  forgetRelease(namespace: string, name: string): void;
  /** Text that Prometheus reads, and its content type. `before` runs first, to refresh gauges. */
  expose(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** Called before every exposition; a failure is left out silently, it shows as a missing series. */
  onScrape(refresh: () => Promise<void> | void): void;
}

export interface TelemetryOptions {
  readonly version: string;
  /** Export one series per Release. */
  readonly releaseMetrics: boolean;
  /** Node's own process metrics (default true). */
  readonly processMetrics?: boolean;
}

type Instrument = Counter | Gauge | Histogram;

function create(name: string, row: MetricRow, registry: Registry): Instrument {
  const common = { name, help: row.help, labelNames: row.labels, registers: [registry] };
  if (row.type === 'counter') return new Counter(common);
  if (row.type === 'gauge') return new Gauge(common);
  return new Histogram({ ...common, buckets: [...(row.buckets ?? [])] });
}

export function createTelemetry(options: TelemetryOptions): Telemetry {
  const registry = new Registry();
  const rows: readonly (readonly [string, MetricRow])[] = Object.entries(METRICS);
  const instruments = new Map(rows.map(([name, row]) => [name, create(name, row, registry)]));
  const refreshers: (() => Promise<void> | void)[] = [];
  const isOff = (name: MetricName): boolean => 'perRelease' in METRICS[name] && !options.releaseMetrics;
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });

  const telemetry: Telemetry = {
    count: (name, labels, by = 1) => {
      const counter = instruments.get(name);
      if (!isOff(name) && counter instanceof Counter) counter.inc(labels, by);
    },
    set: (name, labels, value) => {
      const gauge = instruments.get(name);
      if (!isOff(name) && gauge instanceof Gauge) gauge.set(labels, value);
    },
    observe: (name, labels, seconds) => {
      const histogram = instruments.get(name);
      if (!isOff(name) && histogram instanceof Histogram) histogram.observe(labels, seconds);
    },
    setOnly: (name, labels, phase) => {
      const gauge = instruments.get(name);
      if (isOff(name) || !(gauge instanceof Gauge)) return;
      for (const labelsBefore of labelsHeld(gauge, labels)) gauge.remove(labelsBefore);
      gauge.set({ ...labels, phase }, 1);
    },
    forgetRelease: (namespace, name) => {
      for (const [metric, row] of rows) {
        const instrument = row.perRelease === true ? instruments.get(metric) : undefined;
        if (instrument === undefined) continue;
        for (const labels of labelsHeld(instrument, { namespace, name })) instrument.remove(labels);
      }
    },
    onScrape: (refresh) => void refreshers.push(refresh),
    expose: async () => {
      await Promise.allSettled(refreshers.map(async (refresh) => refresh()));
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
  telemetry.set('serin_build_info', { version: options.version, node_version: process.version }, 1);
  return telemetry;
}

type Labels = Record<string, string | number>;

/** The label sets of an instrument that contain these. prom-client keeps them in `hashMap`; it has no call to list them. */
function labelsHeld(instrument: Instrument, wanted: Readonly<Record<string, string>>): readonly Labels[] {
  const { hashMap } = instrument as unknown as {
    readonly hashMap: Readonly<Record<string, { readonly labels: Labels }>>;
  };
  return Object.values(hashMap)
    .map((entry) => entry.labels)
    .filter((labels) => Object.entries(wanted).every(([key, value]) => labels[key] === value));
}

/**
 * A native histogram as Prometheus scrapes it: protobuf, since no text format has them. Only the fields that are needed, by the
 * numbers of `io.prometheus.client.MetricFamily` (prometheus/client_model, metrics.proto).
 */

export interface NativeSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What was observed, in the unit of the histogram; all > 0. */
  readonly observed: readonly number[];
}

/** 2^(2^-SCHEMA) apart: the resolution of Go's `NativeHistogramBucketFactor: 1.1`. */
const SCHEMA = 3;
const HISTOGRAM = 4;

/** The body of a scrape, and its content type. */
export const NATIVE_TYPE =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

export function nativeExposition(series: readonly NativeSeries[]): Uint8Array {
  return Buffer.concat(series.map((each) => delimited(familyOf(each))));
}

function familyOf({ name, labels, observed }: NativeSeries): Buffer {
  const pairs = Object.entries(labels).map(([label, value]) =>
    bytes(1, Buffer.concat([text(1, label), text(2, value)])),
  );
  const metric = Buffer.concat([...pairs, bytes(7, histogramOf(observed))]);
  return Buffer.concat([text(1, name), text(2, name), number(3, HISTOGRAM), bytes(4, metric)]);
}

function histogramOf(observed: readonly number[]): Buffer {
  const counts = new Map<number, number>();
  for (const value of observed) {
    const bucket = Math.ceil(Math.log2(value) * 2 ** SCHEMA - 1e-9);
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  }
  const buckets = [...counts.keys()].toSorted((a, b) => a - b);
  let [end, before] = [0, 0];
  // One span for each bucket: longer than need be, but right.
  const spans = buckets.map((bucket) => {
    const span = bytes(12, Buffer.concat([number(1, zigzag(bucket - end)), number(2, 1)]));
    end = bucket + 1;
    return span;
  });
  const deltas = buckets.map((bucket) => {
    const count = counts.get(bucket) ?? 0;
    const delta = number(13, zigzag(count - before));
    before = count;
    return delta;
  });
  const sum = observed.reduce((all, value) => all + value, 0);
  const head = [
    number(1, observed.length),
    double(2, sum),
    number(5, zigzag(SCHEMA)),
    double(6, 2 ** -128),
    number(7, 0),
  ];
  return Buffer.concat([...head, ...spans, ...deltas]);
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return Buffer.from(out);
}

const number = (field: number, value: number): Buffer => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field: number, value: Buffer): Buffer =>
  Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);
const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value));
const delimited = (value: Buffer): Buffer => Buffer.concat([varint(value.length), value]);

function double(field: number, value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeDoubleLE(value);
  return Buffer.concat([varint(field * 8 + 1), out]);
}

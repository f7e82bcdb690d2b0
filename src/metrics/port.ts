/** What Serin asks of a metrics backend. The only adapter so far is Prometheus (`prometheus.ts`). */

export interface Sample {
  readonly timeMs: number;
  /** May be NaN or ±Infinity; the reader decides what that means. */
  readonly value: number;
}

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly Sample[];
}

export interface QueryAnswer {
  readonly series: readonly Series[];
  /** Warnings and infos of the backend, word for word. */
  readonly warnings: readonly string[];
  /** Why series may be missing from it, in the backend's words; absent: it is whole. */
  readonly partial?: string;
}

export interface MetricSource {
  /** Values at one instant. Throws `SERIN_E_PROMETHEUS` (outside trouble) or `SERIN_E_QUERY` (the query is wrong). */
  instant(promql: string, timeMs: number, signal: AbortSignal): Promise<QueryAnswer>;
  /** Values at every `stepMs` from `startMs` to `endMs`, both included. */
  range(promql: string, startMs: number, endMs: number, stepMs: number, signal: AbortSignal): Promise<QueryAnswer>;
}

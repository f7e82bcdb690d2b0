/** Every metric that Serin exports: the table that code, reference page and dashboards' tests are made from. */

export interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
  /** One series per Release; off with `releaseMetrics: false`, removed when the Release goes. */
  readonly perRelease?: true;
}

const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export const METRICS = {
  serin_build_info: {
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: ['version', 'node_version'],
  },
  serin_leader: {
    type: 'gauge',
    help: '1 while this process watches and schedules.',
    labels: ['identity'],
  },
  serin_reconcile_total: {
    type: 'counter',
    help: 'Looks at an object, by what came of them.',
    labels: ['kind', 'result'],
  },
  serin_reconcile_duration_seconds: {
    type: 'histogram',
    help: 'How long a look took.',
    labels: ['kind'],
    buckets: DURATIONS,
  },
  serin_reconcile_errors_total: {
    type: 'counter',
    help: 'Looks that failed, by error code.',
    labels: ['kind', 'code'],
  },
  serin_release_info: {
    type: 'gauge',
    help: 'Always 1 for the phase that a release is in.',
    labels: ['namespace', 'name', 'phase'],
    perRelease: true,
  },
  serin_release_weight_ratio: {
    type: 'gauge',
    help: 'Share of requests that the canary is meant to get, 0 to 1.',
    labels: ['namespace', 'name'],
    perRelease: true,
  },
  serin_release_step: {
    type: 'gauge',
    help: 'The step a release is at, from 1; 0 between releases.',
    labels: ['namespace', 'name'],
    perRelease: true,
  },
  serin_verdicts_total: {
    type: 'counter',
    help: 'Verdicts that ended a step.',
    labels: ['namespace', 'name', 'verdict'],
    perRelease: true,
  },
  serin_analysis_odds: {
    type: 'gauge',
    help: 'Odds against a healthy canary, E to 1.',
    labels: ['namespace', 'name', 'metric'],
    perRelease: true,
  },
  serin_poll_lateness_seconds: {
    type: 'histogram',
    help: 'From the moment a poll was due to its start.',
    labels: [],
    buckets: DURATIONS,
  },
  serin_poll_duration_seconds: {
    type: 'histogram',
    help: 'How long a poll of one grid instant took.',
    labels: [],
    buckets: DURATIONS,
  },
  serin_polls_dropped_total: {
    type: 'counter',
    help: 'Grid instants that were left out because the process was late; their evidence is re-read.',
    labels: [],
  },
  serin_provider_requests_total: {
    type: 'counter',
    help: 'Queries to a metric source, by result.',
    labels: ['provider', 'result'],
  },
  serin_provider_request_duration_seconds: {
    type: 'histogram',
    help: 'How long a query took.',
    labels: ['provider'],
    buckets: DURATIONS,
  },
  serin_queue_up: {
    type: 'gauge',
    help: '1 while the store of the queues answers. At 0 the leader does what is due by itself.',
    labels: [],
  },
  serin_queue_jobs: {
    type: 'gauge',
    help: 'Jobs in a queue.',
    labels: ['queue', 'state'],
  },
  serin_watch_restarts_total: {
    type: 'counter',
    help: 'Watches that were started again, by reason.',
    labels: ['kind', 'reason'],
  },
  serin_watch_last_event_timestamp_seconds: {
    type: 'gauge',
    help: 'When the API server was last heard, since the epoch.',
    labels: ['kind'],
  },
  serin_notifications_total: {
    type: 'counter',
    help: 'Messages to people, by result.',
    labels: ['sink', 'result'],
  },
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof METRICS;
export type LabelsOf<Name extends MetricName> = Readonly<Record<(typeof METRICS)[Name]['labels'][number], string>>;

/** The reference table, in Markdown. */
export function metricsMarkdown(): string {
  const rows = Object.entries(METRICS).map(
    ([name, row]: [string, MetricRow]) =>
      `| \`${name}\` | ${row.type} | ${row.labels.map((label) => `\`${label}\``).join(', ') || '–'} | ${row.help} |`,
  );
  return ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}

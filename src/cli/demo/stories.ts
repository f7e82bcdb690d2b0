/** The five stories of `npm run demo`, as data: what changes, how much traffic there is, and how each release ought to end. */

export const STORY_KEYS = ['errors', 'healthy', 'latency', 'quiet', 'outage'] as const;
export type StoryKey = (typeof STORY_KEYS)[number];

/** How one version of the sandbox application behaves. */
export interface Behaviour {
  readonly version: string;
  /** Probability of answering 500. */
  readonly errorRate: number;
  /** Median of the lognormal answer time, ms. */
  readonly medianMs: number;
  /** Standard deviation of the logarithm. */
  readonly sigma: number;
}

export interface Story {
  readonly key: StoryKey;
  /** Name of the Release, its Service and its VirtualService. */
  readonly app: string;
  /** One sentence told before it starts. */
  readonly tells: string;
  readonly stable: Behaviour;
  readonly candidate: Behaviour;
  readonly requestsPerSecond: number;
  readonly stepWeights: readonly number[];
  /** With this much data and no decision a step is inconclusive, ms. */
  readonly atMostMs: number;
  readonly expect: {
    readonly phase: 'Aborted' | 'Promoted' | 'Held';
    readonly metric?: string;
    readonly reason?: string;
  };
  /** Prometheus is stopped this long, so many ms after the release began. */
  readonly outage?: { readonly afterMs: number; readonly forMs: number };
}

const stableV1: Behaviour = { version: 'v1', errorRate: 0.005, medianMs: 25, sigma: 0.5 };

export const STORIES: readonly Story[] = [
  {
    key: 'errors',
    app: 'web',
    tells: 'release A · web v2 answers 5 % errors where stable answers 0.5 %',
    stable: stableV1,
    candidate: { ...stableV1, version: 'v2', errorRate: 0.05 },
    requestsPerSecond: 120,
    stepWeights: [10, 25, 50],
    atMostMs: 120_000,
    expect: { phase: 'Aborted', metric: 'errors' },
  },
  {
    key: 'healthy',
    app: 'cart',
    tells: 'release B · cart v3 is healthy',
    stable: { ...stableV1, version: 'v2' },
    candidate: { ...stableV1, version: 'v3' },
    requestsPerSecond: 200,
    stepWeights: [10, 25, 50],
    atMostMs: 120_000,
    expect: { phase: 'Promoted' },
  },
  {
    key: 'latency',
    app: 'search',
    tells: 'release C · search v4 is 40 % slower, with the same success rate',
    stable: { ...stableV1, version: 'v3', errorRate: 0.002 },
    candidate: { ...stableV1, version: 'v4', errorRate: 0.002, medianMs: 35 },
    requestsPerSecond: 150,
    stepWeights: [10, 25, 50],
    atMostMs: 120_000,
    expect: { phase: 'Aborted', metric: 'latency' },
  },
  {
    key: 'quiet',
    app: 'reports',
    tells: 'release D · reports v5 is healthy, but hardly anybody uses it',
    stable: { ...stableV1, version: 'v4' },
    candidate: { ...stableV1, version: 'v5' },
    requestsPerSecond: 3,
    stepWeights: [20, 50],
    atMostMs: 20_000,
    expect: { phase: 'Held' },
  },
  {
    key: 'outage',
    app: 'pay',
    tells: 'release E · pay v6 is healthy, and Prometheus goes away in the middle',
    stable: { ...stableV1, version: 'v5' },
    candidate: { ...stableV1, version: 'v6' },
    requestsPerSecond: 150,
    stepWeights: [20, 50],
    atMostMs: 120_000,
    expect: { phase: 'Promoted' },
    outage: { afterMs: 8_000, forMs: 15_000 },
  },
];

/** The Serin objects of the demo: its analysis template, and one Release for each story. */
import { API_VERSION, type KubeObject } from '../../api/meta.ts';
import type { Story } from './stories.ts';

export const DEMO_NAMESPACE = 'shop';
export const SLACK_SECRET = 'slack';

/**
 * The demo's timing (contracts 32): production polls every 10 s, waits 90 s for pods to warm up and reads 30 min of history;
 * the demo does the same at a tenth of the time and with ten times the requests, so that a minute shows what takes ten.
 */
export interface Profile {
  readonly name: string;
  readonly gridMs: number;
  /** How long after a grid instant its poll starts: a scrape must have been stored by then. */
  readonly lagMs: number;
  readonly warmUpMs: number;
  readonly dwellMs: number;
  readonly historyMs: number;
  readonly minRequests: number;
}

export function profileFor(speed: number): Profile {
  return {
    name: speed === 1 ? 'demo' : `demo ×${speed}`,
    gridMs: 1000,
    lagMs: 300,
    warmUpMs: 2000,
    dwellMs: Math.max(3000, 6000 / speed),
    historyMs: 40_000,
    minRequests: 50,
  };
}

const seconds = (ms: number): string => `${Math.max(1, Math.round(ms / 1000))}s`;

/** Its pass margins are wide, so that a pass takes seconds: production would not promote a checkout with +1 pp of errors. */
export function demoTemplate(): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterAnalysisTemplate',
    metadata: { name: 'demo' },
    spec: {
      metrics: [
        {
          name: 'errors',
          critical: true,
          compare: { query: 'istio-requests', fail: { ratio: 1.1 }, pass: { ratio: 1.5, difference: '1pp' } },
        },
        {
          name: 'latency',
          compare: { query: 'istio-latency', fail: { ratio: 1.1 }, pass: { ratio: 1.5, difference: '3pp' } },
        },
      ],
    },
  };
}

export function demoRelease(story: Story, members: readonly [string, string], profile: Profile): KubeObject {
  return {
    apiVersion: API_VERSION,
    kind: 'Release',
    metadata: { name: story.app, namespace: DEMO_NAMESPACE },
    spec: {
      workload: { pair: { members } },
      traffic: { istio: { virtualService: { name: story.app }, destinationRule: { name: story.app } } },
      strategy: { canary: { stepWeights: story.stepWeights } },
      analysis: {
        templates: [{ name: 'demo', clusterScope: true }],
        interval: seconds(profile.gridMs),
        warmUp: seconds(profile.warmUpMs),
        dwell: seconds(profile.dwellMs),
        history: seconds(profile.historyMs),
        minRequests: profile.minRequests,
        atMost: seconds(story.atMostMs),
        onInconclusive: 'hold',
      },
      notify: [{ slack: { secretRef: { name: SLACK_SECRET, key: 'url' } } }],
    },
  };
}

export function slackSecret(url: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: SLACK_SECRET, namespace: DEMO_NAMESPACE },
    type: 'Opaque',
    stringData: { url },
  };
}

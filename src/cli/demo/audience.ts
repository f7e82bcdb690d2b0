/** Watches the releases of the demo as anyone with kubectl could, and remembers what the screen needs: nothing here decides. */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import { TYPES } from '../../api/meta.ts';
import type { Release } from '../../api/release.ts';
import type { Clock } from '../../clock.ts';
import type { KubeReader } from '../../kube/port.ts';
import type { MetricSource } from '../../metrics/port.ts';
import { type ReleaseView, verdictOf, viewOf } from '../screen/view.ts';
import { armNumbers, membersOf, type Quantiles, readPodCounts, readQuantiles } from './live.ts';
import { DEMO_NAMESPACE } from './objects.ts';

const SERIES = 120;
const LOOK_EVERY_MS = 400;

interface Seen {
  release: Release;
  run: AnalysisRun | undefined;
  readonly weights: number[];
  readonly evidence: number[];
}

export interface Audience {
  release(name: string): Release | undefined;
  view(name: string, nowMs: number): ReleaseView | undefined;
  /** Called after every look. */
  onLook(listener: () => void): void;
}

export interface AudienceOptions {
  readonly kube: KubeReader;
  readonly source: MetricSource;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Looks about twice a second until the signal; what cannot be read now is read at the next look. */
export function startAudience({ kube, source, clock, signal }: AudienceOptions): Audience {
  const seen = new Map<string, Seen>();
  const listeners: (() => void)[] = [];
  let quantiles: Quantiles = new Map();
  let pods: ReadonlyMap<string, number> = new Map();

  const lookAtReleases = async (): Promise<void> => {
    const [releases, runs] = await Promise.all([
      kube.list(TYPES.release, { namespace: DEMO_NAMESPACE }, signal),
      kube.list(TYPES.analysisRun, { namespace: DEMO_NAMESPACE }, signal),
    ]);
    for (const object of releases.items) {
      const release = object as unknown as Release; // validated by the CRD
      const found = runs.items.find(({ metadata }) => metadata.name === release.status?.analysisRun);
      const run = found as unknown as AnalysisRun | undefined; // likewise
      const entry = seen.get(release.metadata.name) ?? { release, run, weights: [], evidence: [] };
      entry.release = release;
      entry.run = run;
      seen.set(release.metadata.name, entry);
    }
  };
  const remember = (): void => {
    for (const entry of seen.values()) {
      if (entry.release.status?.startedAt === undefined || entry.release.status.endedAt !== undefined) continue;
      entry.weights.push(entry.release.status.weight);
      entry.evidence.push(verdictOf(entry.run)?.odds ?? 1);
      for (const series of [entry.weights, entry.evidence]) if (series.length > SERIES) series.shift();
    }
  };
  const look = async (turn: number): Promise<void> => {
    await lookAtReleases().catch(() => undefined);
    if (turn % 3 === 0) {
      remember();
      quantiles = await readQuantiles(source, clock.nowMs(), signal).catch(() => new Map());
      pods = await readPodCounts(kube, signal).catch(() => pods);
    }
    for (const listener of listeners) listener();
  };
  const watch = async (): Promise<void> => {
    for (let turn = 0; !signal.aborted; turn += 1) {
      await look(turn);
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
  };
  void watch();

  return {
    release: (name) => seen.get(name)?.release,
    view: (name, nowMs) => {
      const entry = seen.get(name);
      if (entry === undefined) return undefined;
      const members = membersOf(entry.release);
      const live = {
        stable: armNumbers(members.stable, quantiles, pods),
        canary: armNumbers(members.canary, quantiles, pods),
        weights: entry.weights,
        evidence: entry.evidence,
      };
      return viewOf(entry.release, entry.run, live, nowMs);
    },
    onLook: (listener) => void listeners.push(listener),
  };
}

/**
 * The pod ledger of a run (contracts 22): which pod belonged to which arm, since when, until when. Pods stay in it after they are
 * gone, because what a pod counted last (the bad canary's!) is read after it died. Pure. All pods that are alive are in it, however
 * many, for the events of a pod of neither side make an interval worthless; what is kept of those that are gone, and in status, is bounded.
 */
import type { AnalysisRunStatus } from '../api/analysis-run.ts';

export type Arm = 'stable' | 'canary';

export interface LedgerPod {
  readonly name: string;
  /** Empty for a pod that was never seen alive and was adopted by its name. */
  readonly uid: string;
  readonly arm: Arm;
  /** Of its template, where that may change while the pod lives: each has its own entry then. */
  readonly revision?: string;
  /** When its containers started; unknown for pods not yet running and for adopted ones. */
  readonly startedAtMs?: number;
  /** When it was first noticed to be gone. */
  readonly endedAtMs?: number;
  /** When a container last started again. */
  readonly restartedAtMs?: number;
  /** When it was first noticed, where its start is unknown. */
  readonly adoptedAtMs?: number;
}

export type PodLedger = readonly LedgerPod[];

/** A pod as the cluster shows it now. */
export type LivePod = Pick<LedgerPod, 'name' | 'uid' | 'revision' | 'startedAtMs' | 'restartedAtMs'>;

/** In status, of both sides. */
export const MOST_PODS = 512;

/** Takes over the pods that are alive, marks those that are gone, forgets the longest gone. */
export function updateLedger(
  ledger: PodLedger,
  alive: Readonly<Record<Arm, readonly LivePod[]>>,
  nowMs: number,
): PodLedger {
  const next = new Map<string, LedgerPod>(ledger.map((pod) => [keyOf(pod), pod]));
  const seen = new Set<string>();
  const last = lastEntries(ledger);
  for (const arm of ['stable', 'canary'] as const) {
    for (const pod of alive[arm]) {
      const key = keyOf(pod);
      const adopted = keyOf({ name: pod.name, uid: '' });
      seen.add(key);
      next.delete(adopted);
      const before = last.get(nameOf(pod));
      const isChanged = before?.revision !== undefined && before.revision !== pod.revision;
      const known = isChanged ? undefined : before;
      if (known !== undefined && keyOf(known) !== key) next.delete(keyOf(known));
      next.set(key, {
        name: pod.name,
        uid: pod.uid,
        // The arm of a pod never changes: its template does not, or it is another entry.
        arm: known?.arm ?? next.get(key)?.arm ?? arm,
        ...defined('revision', pod.revision),
        ...defined('startedAtMs', isChanged ? changedAtMs(pod, before, nowMs) : startOf(pod, known, nowMs)),
        ...defined('restartedAtMs', notAhead(pod.restartedAtMs, known?.restartedAtMs, nowMs)),
      });
    }
  }
  const pods = [...next.values()].map((pod) =>
    seen.has(keyOf(pod)) || pod.endedAtMs !== undefined || pod.uid === '' ? pod : { ...pod, endedAtMs: nowMs },
  );
  return bounded(pods);
}

/** Of each pod the newest entry: one that is alive, or ended last. */
function lastEntries(ledger: PodLedger): ReadonlyMap<string, LedgerPod> {
  const endOf = ({ endedAtMs = Number.POSITIVE_INFINITY }: LedgerPod): number => endedAtMs;
  return new Map(ledger.toSorted((a, b) => endOf(a) - endOf(b)).map((pod) => [nameOf(pod), pod]));
}

/** A pod that was changed in place is as good as new from then on: from when a container of it started again, if one did. */
function changedAtMs({ restartedAtMs = 0 }: LivePod, before: LedgerPod, nowMs: number): number {
  const isOfChange = restartedAtMs > (before.restartedAtMs ?? before.startedAtMs ?? 0);
  return isOfChange ? Math.min(restartedAtMs, nowMs) : nowMs;
}

function startOf(pod: LivePod, known: LedgerPod | undefined, nowMs: number): number | undefined {
  const startedAtMs = notAhead(pod.startedAtMs, known?.startedAtMs, nowMs);
  if (pod.revision === undefined || startedAtMs === undefined) return startedAtMs;
  // The pod itself began before it had this template.
  return Math.max(startedAtMs, known?.startedAtMs ?? startedAtMs);
}

/**
 * A node whose clock is ahead tells of starts that are still to come, and its pods would never be through their warm-up: what has
 * happened by then happened when it was first seen.
 */
function notAhead(toldMs: number | undefined, knownMs: number | undefined, nowMs: number): number | undefined {
  if (toldMs === undefined) return knownMs;
  return toldMs <= nowMs ? toldMs : (knownMs ?? nowMs);
}

/**
 * The pod of this name at `atMs`. A name can have been used before (StatefulSets): the newest one that had started by then wins.
 */
export function podAt(ledger: PodLedger, name: string, atMs: number): LedgerPod | undefined {
  let found: LedgerPod | undefined;
  for (const pod of ledger) {
    if (pod.name !== name) continue;
    const [startMs, foundMs] = [pod.startedAtMs ?? 0, found?.startedAtMs ?? 0];
    if (found === undefined || (startMs <= atMs && (startMs >= foundMs || foundMs > atMs))) found = pod;
  }
  return found;
}

/**
 * The ledger with a pod of the metrics that the cluster never showed us: it belongs to the arm whose ReplicaSet its name names
 * (`<replica set>-<five characters>`). `undefined` when the name tells nothing or both arms.
 */
export function adoptByName(ledger: PodLedger, name: string, atMs: number): PodLedger | undefined {
  const owner = ownerOf(name);
  if (owner === undefined) return undefined;
  const arms = new Set(ledger.filter((pod) => ownerOf(pod.name) === owner).map((pod) => pod.arm));
  const [arm] = arms;
  if (arm === undefined || arms.size > 1) return undefined;
  return bounded([...ledger, { name, uid: '', arm, adoptedAtMs: atMs }]);
}

/** As it is kept in `AnalysisRun.status.pods`. What does not fit is known again as long as it lives, and then by its ReplicaSet. */
export function formatLedger(ledger: PodLedger): NonNullable<AnalysisRunStatus['pods']> {
  return newest(ledger, MOST_PODS).map((pod) => ({
    name: pod.name,
    uid: pod.uid,
    arm: pod.arm,
    ...(pod.revision === undefined ? {} : { revision: pod.revision }),
    ...(pod.startedAtMs === undefined ? {} : { startedAt: new Date(pod.startedAtMs).toISOString() }),
    ...(pod.endedAtMs === undefined ? {} : { endedAt: new Date(pod.endedAtMs).toISOString() }),
  }));
}

/** Restarts are not kept: pods that are alive show them again, and of those that are gone they no longer matter. */
export function parseLedger(pods: AnalysisRunStatus['pods'], nowMs: number): PodLedger {
  return (pods ?? []).map((pod) => ({
    name: pod.name,
    uid: pod.uid,
    arm: pod.arm,
    ...(pod.revision === undefined ? {} : { revision: pod.revision }),
    ...defined('startedAtMs', readTime(pod.startedAt)),
    ...defined('endedAtMs', readTime(pod.endedAt)),
    ...(pod.uid === '' ? { adoptedAtMs: nowMs } : {}),
  }));
}

function bounded(pods: PodLedger): PodLedger {
  const isAlive = ({ uid, endedAtMs }: LedgerPod): boolean => uid !== '' && endedAtMs === undefined;
  const alive = pods.filter(isAlive);
  const most = Math.max(MOST_PODS / 2, MOST_PODS - alive.length);
  if (pods.length - alive.length <= most) return pods;
  const gone = pods.filter((pod) => !isAlive(pod));
  return [...alive, ...newest(gone, most)];
}

/** The pods that ended last, those that did not before them. However many one side has, half of the room is the other's. */
function newest(pods: PodLedger, most: number): PodLedger {
  if (pods.length <= most) return pods;
  const rank = ({ endedAtMs = Number.POSITIVE_INFINITY }: LedgerPod): number => endedAtMs;
  const of = (arm: Arm): PodLedger =>
    pods.filter((pod) => pod.arm === arm).toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(b) - rank(a)));
  const [canary, stable] = [of('canary'), of('stable')];
  const kept = canary.slice(0, Math.max(most / 2, most - stable.length));
  return [...kept, ...stable.slice(0, most - kept.length)];
}

function ownerOf(name: string): string | undefined {
  return /^(.+)-[a-z0-9]{5}$/.exec(name)?.[1];
}

const nameOf = (pod: Pick<LedgerPod, 'name' | 'uid'>): string => `${pod.uid}/${pod.name}`;
const keyOf = (pod: Pick<LedgerPod, 'name' | 'uid' | 'revision'>): string => `${nameOf(pod)}/${pod.revision ?? ''}`;

function readTime(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

function defined<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<K, T>>); // a computed key widens to string
}

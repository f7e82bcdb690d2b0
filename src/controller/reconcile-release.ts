/**
 * One look at a Release: gather → decide → apply one Action, again until there is nothing to do but wait. Nothing is remembered
 * between two looks but how often in a row one came to no end; a process that dies anywhere in here is continued by any other.
 */
import type { NotifySink } from '../api/release.ts';
import type { Finding } from '../api/meta.ts';
import type { Clock } from '../clock.ts';
import { SerinError } from '../errors.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { KubeClient } from '../kube/port.ts';
import type { Log } from '../logger.ts';
import type { ReleaseMessage } from '../notify/port.ts';
import type { Action } from '../release/action.ts';
import { nextAction } from '../release/decide.ts';
import { isDeletionOverdue } from '../release/rules/deletion.ts';
import { apply } from './apply.ts';
import { readConfig } from './config-digest.ts';
import { type Adapters, gather, type GatherDeps, type Gathered } from './gather.ts';
import { cachedReader, findingOf, freshReader } from './object-set.ts';

export interface ReconcileDeps {
  readonly kube: KubeClient;
  /** Looks that find nothing to do cost nothing with it. Absent: everything is read afresh. */
  readonly cache?: ObjectCache;
  readonly adapters: Adapters;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly log: Log;
  /** Length of the poll grid. */
  readonly gridMs: number;
  /** Name of this process. */
  readonly identity: string;
  readonly notify: (message: ReleaseMessage, sinks: readonly NotifySink[]) => Promise<void>;
  /** Told of every Action that was carried out, for metrics. */
  readonly onAction?: (action: Action, key: string) => void;
}

/** More than any release needs at one moment; what is left is done at the next look. */
const MOST_ACTIONS = 32;
/** Somebody else writes the same objects at this moment. */
const MOST_CONFLICTS = 5;
const AFTER_CONFLICTS_MS = 250;
const AFTER_OBSTACLE_MS = 15_000;
/** Something undoes what is done, or it has no effect: the next look comes later each time. */
const AFTER_MOST_ACTIONS_MS = 1_000;
const LONGEST_AFTER_MOST_ACTIONS_MS = 60_000;

/** `glance`: whether there is anything to do is found out from the cache. `fresh`: somebody knows that the cache is behind. */
export type Look = 'glance' | 'fresh';

/** For `queue('reconcile').work`: keys are `<namespace>/<name>`; a returned number asks to be called again after so many ms. */
export function createReconcileRelease(
  deps: ReconcileDeps,
): (key: string, signal: AbortSignal, look?: Look) => Promise<number | undefined> {
  /** By key; looks in a row that ended at `MOST_ACTIONS`. */
  const restless = new Map<string, number>();
  return async (key, signal, look = 'glance') => {
    const { cache } = deps;
    if (cache !== undefined && look === 'glance') {
      const reader = cachedReader(cache);
      const seen = await gather({ ...deps, ...deps.adapters, reader, ...configOf(deps, signal) }, key);
      const action = seen === undefined || reader.hasGaps() ? undefined : nextAction(seen.observed);
      if (action?.kind === 'wait') return action.requeueAfterMs;
    }
    const again = await actUntilWaiting(deps, key, signal);
    if (again !== 'restless') {
      restless.delete(key);
      return again;
    }
    const looks = restless.get(key) ?? 0;
    restless.set(key, looks + 1);
    deps.log.warn({ release: key, actions: MOST_ACTIONS }, 'A Release does not come to rest; it is looked at later.');
    return Math.min(LONGEST_AFTER_MOST_ACTIONS_MS, AFTER_MOST_ACTIONS_MS * 2 ** looks);
  };
}

/** Everything that is acted on was read just before. */
async function actUntilWaiting(
  deps: ReconcileDeps,
  key: string,
  signal: AbortSignal,
): Promise<number | 'restless' | undefined> {
  let conflicts = 0;
  let last: Gathered | undefined;
  for (let actions = 0; actions < MOST_ACTIONS; actions++) {
    signal.throwIfAborted();
    const seen = await gatherFresh(deps, key, signal);
    if (seen === undefined) return undefined;
    const action = nextAction(seen.observed);
    if (action.kind === 'wait') return action.requeueAfterMs;
    const result = await tryApply(deps, key, seen, action, signal);
    if (result === 'conflict' && ++conflicts >= MOST_CONFLICTS) return AFTER_CONFLICTS_MS;
    if (typeof result === 'object') return showObstacle(deps, key, result, signal);
    last = seen;
  }
  // Somebody undoes what is given back, again and again.
  if (last !== undefined && isDeletionOverdue(last.observed)) return showObstacle(deps, key, NEVER_DONE, signal);
  return 'restless';
}

function gatherFresh(deps: ReconcileDeps, key: string, signal: AbortSignal): Promise<Gathered | undefined> {
  const reader = freshReader(deps.kube, deps.cache, signal);
  return gather({ ...deps, ...deps.adapters, reader, ...configOf(deps, signal) }, key);
}

/** Never cached, so also a glance asks the API server. */
const configOf = ({ kube }: ReconcileDeps, signal: AbortSignal): Required<Pick<GatherDeps, 'readConfig'>> => ({
  readConfig: (namespace, references) => readConfig(kube, namespace, references, signal),
});

/** `conflict`: it changed since it was read. A finding: trying again at once would not help. */
async function tryApply(
  deps: ReconcileDeps,
  key: string,
  seen: Gathered,
  action: Action,
  signal: AbortSignal,
): Promise<'done' | 'conflict' | Finding> {
  try {
    const finding = await apply(deps, seen, action, signal);
    if (finding !== undefined) return refused(deps, key, action, finding);
    deps.onAction?.(action, key);
    deps.log.debug(
      { release: key, action: action.kind, because: 'because' in action ? action.because : undefined },
      'An action was carried out.',
    );
    return 'done';
  } catch (thrown) {
    if (thrown instanceof SerinError && thrown.code === 'SERIN_E_CONFLICT') return 'conflict';
    const isOwnStatus =
      action.kind === 'writeStatus' || action.kind === 'announce' || action.kind === 'removeFinalizer';
    // Gone meanwhile, or going: the next pass sees what is there.
    if (thrown instanceof SerinError && thrown.code === 'SERIN_E_NOT_FOUND' && isOwnStatus) return 'conflict';
    const finding = isOwnStatus ? undefined : (findingOf(thrown) ?? overdueFinding(seen, thrown, signal));
    if (finding === undefined) throw thrown;
    return refused(deps, key, action, finding);
  }
}

/** A Release that is being deleted waits for an API server that fails, but not for ever. */
function overdueFinding({ observed }: Gathered, thrown: unknown, signal: AbortSignal): Finding | undefined {
  if (!(thrown instanceof SerinError) || signal.aborted || !isDeletionOverdue(observed)) return undefined;
  return { reason: 'NotGivenBack', message: thrown.message };
}

const NEVER_DONE: Finding = {
  reason: 'NotGivenBack',
  message: 'What is given back is changed again at once. Find out who changes it.',
};

function refused({ log }: ReconcileDeps, key: string, { kind }: Action, finding: Finding): Finding {
  const { reason, message: because } = finding;
  log.warn({ release: key, action: kind, reason, because }, 'An action is impossible for now; the status says why.');
  return finding;
}

/** The refused write is tried again later; until then the status says what is missing. */
async function showObstacle(
  deps: ReconcileDeps,
  key: string,
  obstacle: Finding,
  signal: AbortSignal,
): Promise<number | undefined> {
  for (let actions = 0; actions < 4; actions++) {
    const seen = await gatherFresh(deps, key, signal);
    if (seen === undefined) return undefined;
    const action = nextAction({ ...seen.observed, obstacle });
    if (action.kind !== 'writeStatus' && action.kind !== 'announce') break;
    if ((await tryApply(deps, key, seen, action, signal)) !== 'done') break;
  }
  return AFTER_OBSTACLE_MS;
}

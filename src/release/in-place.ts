/**
 * A Deployment released in place: the user keeps one Deployment, its template is never rewritten. Serin holds it, runs the canary
 * beside it, and lets the Deployment's own rollout go on after the last Pass.
 */
import type { ReleaseSpec, ReleaseStatus } from '../api/release.ts';
import type { ArmState, TrafficIntent, WorkloadState } from './observed.ts';
import { switchOf } from './switching.ts';

export interface InPlaceState {
  /** The canary's arm as it would be, for routers. */
  readonly idleCanary: ArmState;
  /** Revision of the template that the user wrote, with the configuration that its pods would start with now. */
  readonly revision: string;
  /** The Deployment carries Serin's label: the admission policy watches it. */
  readonly isClaimed: boolean;
  /** The admission policy holds every new template by itself; otherwise the Deployment stays paused between releases. */
  readonly isHeldByPolicy: boolean;
  /** Paused on Serin's behalf. */
  readonly isHeld: boolean;
  /** Paused, but by a person. */
  readonly isPausedByPerson: boolean;
  /** Every pod that the Deployment wants is of the template as it stands, restarts included. */
  readonly isUniform: boolean;
  /** The template says the configuration that its pods are to start with; always so where nobody looks after that. */
  readonly isMarked: boolean;
  /** Uniform, of the template as it is wanted, all available, and its controller has seen it. */
  readonly isRolledOut: boolean;
  /** Alive pods of canaries under the user's selector. */
  readonly canaryPods: number;
  /** Alive pods of the Deployment itself that are not stable: of a rollout that is under way, or stopped half-way. */
  readonly strayPods: number;
  /** Its own rollout made no progress for `progressDeadlineSeconds`: what its controller says. */
  readonly stuck?: string;
  /** Nothing of Serin is on the Deployment. */
  readonly isHandedBack: boolean;
}

export type InPlaceOrder =
  /** Put Serin's label on the Deployment. */
  | 'claim'
  /** Pause it: a new template does not roll by itself. */
  | 'hold'
  /** End the pause, and mark the configuration that passed: the Deployment replaces its own pods. */
  | 'letThrough'
  /** Take Serin's marks away. It stays paused where a template waits that nobody let through. */
  | 'handBack';

const SUFFIX = '-canary';
const LONGEST_NAME = 253;

/** Name of the Deployment that Serin makes beside the user's. */
export const canaryNameOf = (deployment: string): string => deployment.slice(0, LONGEST_NAME - SUFFIX.length) + SUFFIX;

/**
 * How many canary pods may stand beside `stablePods` ready ones in one subset, all getting equal shares, without getting more than
 * `weight` percent together: c / (c + n) ≤ w.
 */
export const roomBeside = (stablePods: number, weight: number): number =>
  weight >= 100 ? Number.POSITIVE_INFINITY : Math.floor((stablePods * weight) / (100 - weight));

/** No more canary pods than would get the judged weight if the routes made no difference between pods. */
export const isRoomy = (status: Pick<ReleaseStatus, 'weight'>, { inPlace, stable }: WorkloadState): boolean =>
  (inPlace?.canaryPods ?? 0) <= roomBeside(stable.readyReplicas, status.weight);

/** blueGreen: the canary has all requests, so the Deployment replaces its own pods behind it. */
export const isBehindCanary = (
  spec: Pick<ReleaseSpec, 'strategy'>,
  { weight }: Pick<ReleaseStatus, 'weight'>,
): boolean => weight === 100 && switchOf(spec) !== undefined;

/**
 * What the routes are to carry now. While a Deployment replaces its own pods they make no difference between its pods and the
 * canary's: they are opened once the canary's are few enough, before the hold ends, and stay open until all is replaced. Users who were
 * switched to a canary of full size stay with it instead.
 */
export function routesOf(
  spec: Pick<ReleaseSpec, 'traffic' | 'strategy'>,
  status: Pick<ReleaseStatus, 'weight' | 'rolling' | 'beside'> | undefined,
  workload: WorkloadState | undefined,
): Extract<TrafficIntent, { kind: 'weight' }> {
  const canaryWeight = status?.weight ?? 0;
  if (status?.rolling !== true || workload?.inPlace === undefined) {
    const beside = canaryWeight === 100 ? undefined : status?.beside;
    return { kind: 'weight', canaryWeight, ...(beside === undefined ? {} : { beside }) };
  }
  if (isBehindCanary(spec, status)) return { kind: 'weight', canaryWeight };
  // Without a router the canary's pods are its weight, before and now.
  if (spec.traffic === undefined) return { kind: 'weight', canaryWeight };
  return { kind: 'weight', canaryWeight: 0, isOpen: !workload.inPlace.isHeld || isRoomy(status, workload) };
}

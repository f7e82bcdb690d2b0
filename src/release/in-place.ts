/**
 * A Deployment released in place: the user keeps one Deployment, its template is never rewritten. Serin holds it, runs the canary
 * beside it, and lets the Deployment's own rollout go on after the last Pass.
 */
import type { ArmState } from './observed.ts';

export interface InPlaceState {
  /** The canary's arm as it would be, for routers. */
  readonly idleCanary: ArmState;
  /** Revision of the template that the user wrote. */
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
  /** Uniform, all available, and its controller has seen it. */
  readonly isRolledOut: boolean;
  /** Alive pods of canaries under the user's selector. */
  readonly canaryPods: number;
  /** Alive pods of the Deployment itself that are not stable: of a rollout that is under way, or stopped half-way. */
  readonly strayPods: number;
  /** Nothing of Serin is on the Deployment. */
  readonly isHandedBack: boolean;
}

export type InPlaceOrder =
  /** Put Serin's label on the Deployment. */
  | 'claim'
  /** Pause it: a new template does not roll by itself. */
  | 'hold'
  /** End the pause: the Deployment replaces its own pods. */
  | 'letThrough'
  /** Take Serin's marks away. It stays paused where a template waits that nobody let through. */
  | 'handBack';

const SUFFIX = '-canary';
const LONGEST_NAME = 253;

/** Name of the Deployment that Serin makes beside the user's. */
export const canaryNameOf = (deployment: string): string => deployment.slice(0, LONGEST_NAME - SUFFIX.length) + SUFFIX;

/**
 * A router adapter is pure, like a workload adapter (`workloads/port.ts`). Weights are owned by `Release.status`;
 * what `read` finds in the routes is only compared with it, never believed.
 */
import type { Finding, Patch, ResourceNeed } from '../api/meta.ts';
import type { ReleaseSpec, TakenState } from '../api/release.ts';
import type { Beside } from '../release/steps.ts';
import type { ArmState, TrafficIntent, TrafficState } from '../release/observed.ts';
import type { ObjectQuery, ObjectSet } from '../workloads/port.ts';

export interface TrafficInput {
  readonly namespace: string;
  readonly spec: ReleaseSpec;
  readonly objects: ObjectSet;
  /** The two arms as the workload adapter sees them: their pod labels tell subsets and Services apart. */
  readonly stable: ArmState;
  readonly canary: ArmState | undefined;
  readonly taken: TakenState['traffic'] | undefined;
  /** `status.weight`, where Serin has written the routes: `read` then says what somebody changed since. */
  readonly intendedWeight?: number;
  /** Stable is any pod of the Deployment now, while it replaces its own. */
  readonly isIntendedOpen?: boolean;
  /** `status.beside`, likewise. */
  readonly intendedBeside?: Beside;
  /** The release was given up: what its owner does now is theirs, what a write of the release still does is not. */
  readonly isAborted?: boolean;
}

export interface Router {
  readonly name: 'istio' | 'replicas' | 'gatewayAPI' | 'ingress' | 'service';
  readonly needs: readonly ResourceNeed[];
  /** `isOnTheWay`: status says that requests do not go yet where they should. */
  queries(input: Pick<TrafficInput, 'namespace' | 'spec'> & { readonly isOnTheWay?: boolean }): readonly ObjectQuery[];
  /** A `Finding` when the routes cannot be steered as the spec says; its message names the field and the fix. */
  read(input: TrafficInput): TrafficState | Finding;
  /** What the user's objects hold now, to be stored in `status.taken.traffic` before the first write. */
  snapshot(input: TrafficInput): TakenState['traffic'];
  /** `spec.traffic` as it was when this was taken: the same one where it still names the same objects. */
  asTaken(traffic: ReleaseSpec['traffic'], taken: TakenState['traffic']): ReleaseSpec['traffic'];
  /** Nothing can be written now, and still the intent is not carried out: pods have to go first, or a person to come. Absent: never. */
  isWaiting?(input: TrafficInput, intent: TrafficIntent): boolean;
  /** Why nobody can say that the canary gets nothing, although nothing is left to write to give the routes back. Absent: never. */
  unrestored?(input: TrafficInput): Finding | undefined;
  /** An object that may hold something of this release when it comes back is not there now. Absent: never. */
  unseen?(input: TrafficInput): Finding | undefined;
  /** What is still to happen before requests go where the routes lead, as a sentence; asked once they are written. Absent: nothing that could be seen. */
  awaits?(input: TrafficInput, intent: TrafficIntent): string | undefined;
  /** Guarded patches that make the routes carry the intent; empty when they do already. */
  write(input: TrafficInput, intent: TrafficIntent): readonly Patch[];
}

/** What one reconcile sees: plain data, gathered by `controller/gather`, decided on by `release/`. */
import type { Finding } from '../api/meta.ts';
import type { Release, TakenState } from '../api/release.ts';
import type { StepVerdict } from '../judge/verdict.ts';
import type { Beside } from './steps.ts';
import type { InPlaceOrder, InPlaceState } from './in-place.ts';

/** One pod as its workload adapter sees it. */
export interface PodState {
  readonly name: string;
  readonly uid: string;
  readonly ip?: string;
  readonly startedAtMs?: number;
  readonly readySinceMs?: number;
  readonly restartCount: number;
  readonly isCrashLooping: boolean;
  /** Set where its controller may give a pod that lives on another template: another name for another template. */
  readonly revision?: string;
}

/** One side of the comparison: stable or canary. */
export interface ArmState {
  /** Name of the Deployment (or other workload) whose pods these are. */
  readonly workload: string;
  /** Serin's hash of the user's pod template (`revisionOf`). */
  readonly revision: string;
  /** Labels of the pod template: routers match subsets and Services against them. */
  readonly podLabels: Readonly<Record<string, string>>;
  readonly desiredReplicas: number;
  readonly readyReplicas: number;
  /** Every pod of the newest template is available, none of an older one is left. */
  readonly isSettled: boolean;
  readonly pods: readonly PodState[];
  /** `workload` is not known yet: nothing is to be measured by that name. */
  readonly isUnnamed?: boolean;
  /** A label that all pods of this arm have and none of the other's, where it is not the user's to write. Routers pin to it. */
  readonly ownLabel?: { readonly key: string; readonly value: string };
}

/** One step of a rollout that its own controller follows. */
export interface GateStep {
  /** Percent of requests that the canary has at this step. */
  readonly weight: number;
  /** `open`: until somebody opens it. A number: ends by itself after so many ms. Absent: no pause. */
  readonly pause?: 'open' | number;
  /** It does something else than to set a weight or to pause, which cannot be taken back by going to an earlier step. */
  readonly isMore?: boolean;
}

/** Where a workload stands whose own controller moves its pods and traffic; Serin only opens its pauses, or gives up. */
export interface GateState {
  /**
   * `settled`: one revision, nothing under way. `moving`: its controller is at work (or has not seen the newest spec yet).
   * `gate`: it waits at a pause. `givingUp`, `givenUp`: the canary is being taken back, or was.
   */
  readonly position: 'settled' | 'moving' | 'gate' | 'givingUp' | 'givenUp';
  /** Its controller has seen the newest spec; until then everything else here is about the one before. */
  readonly isSeen: boolean;
  readonly steps: readonly GateStep[];
  /** From 1; 0 before the first and between releases. */
  readonly step: number;
  /** Percent of requests that its controller gives the canary now. */
  readonly weight: number;
  readonly gate?: {
    /** Another pause has another name, also at the same step of another try. */
    readonly id: string;
    /** It ends by itself then. */
    readonly endsAtMs?: number;
    /** What its own analysis could not decide: only a person opens it. */
    readonly isTheirs?: boolean;
  };
  /** The whole rollout is paused, by whomever. */
  readonly isHeld: boolean;
  /** What its controller says, for people. */
  readonly says?: string;
}

export interface WorkloadState {
  readonly kind: 'workload';
  /** Present where another controller owns steps and traffic. */
  readonly gate?: GateState;
  /** Present where one Deployment is released in place. */
  readonly inPlace?: InPlaceState;
  readonly stable: ArmState;
  /** Absent while no other revision exists. */
  readonly canary?: ArmState;
  /** True when an autoscaler targets a member: replicas are then its business. */
  readonly isAutoscaled: boolean;
  readonly taken?: TakenState['workload'];
}

export type WorkloadIntent =
  /** Give the canary this many replicas (only where Serin may scale; see the adapter). */
  | { readonly kind: 'scaleCanary'; readonly replicas: number }
  /** Take all pods from the member without requests. */
  | { readonly kind: 'scaleDown' }
  /** Give back what was taken (abort, deletion). */
  | { readonly kind: 'restore'; readonly taken: TakenState['workload'] }
  /** What is asked of a Deployment that is released in place. */
  | { readonly kind: 'inPlace'; readonly order: InPlaceOrder }
  /** What another controller is asked for. Each is about one revision: the adapter asks for nothing when another is under way. */
  | GateOrder;

export type GateOrder =
  /** Let it go on past this very pause. */
  | { readonly kind: 'openGate'; readonly gate: string }
  /** Back to an earlier pause, with the weight that it has. */
  | { readonly kind: 'goBack'; readonly from: string; readonly step: number }
  /** On to the next step, pause or not. */
  | { readonly kind: 'skipStep'; readonly step: number }
  /** Past all pauses, to the end. */
  | { readonly kind: 'promoteFull' }
  /** Users' requests back to stable. */
  | { readonly kind: 'giveUp'; readonly taken: TakenState['workload'] }
  /** What was given up, once more from the first step. */
  | { readonly kind: 'tryAgain' }
  /** Pause the whole rollout, or end that. */
  | { readonly kind: 'hold'; readonly isHeld: boolean; readonly taken: TakenState['workload'] };

export interface TrafficState {
  readonly kind: 'traffic';
  /** Percent that the routes give the canary now; `undefined` when they disagree with each other or are not understood. */
  readonly canaryWeight: number | undefined;
  /** Differences from what Serin wrote that touch steered fields, one sentence each (who changed what). */
  readonly drift: readonly string[];
  /** Routes beside those that the spec names lead to pods of either version, or may: the weight is not that of all requests. */
  readonly isPartial?: boolean;
}

export type TrafficIntent =
  /** Canary percent, 0–100; the rest goes to stable. `isOpen`: stable is any pod of the workload, while it replaces its own. */
  | {
      readonly kind: 'weight';
      readonly canaryWeight: number;
      readonly isOpen?: boolean;
      /** What the canary gets besides; only routers that can tell requests apart are asked for it. */
      readonly beside?: Beside;
    }
  /** Give back what was taken; all weight on `stable`. */
  | { readonly kind: 'restore' };

/** A person's request, parsed from annotations. */
export interface PersonRequest {
  readonly verb: 'promote' | 'promote-full' | 'pause' | 'resume' | 'retry' | 'skip-step';
  readonly revision: string;
  readonly id: string;
  readonly actor?: string;
}

/** Digests of what pods read of ConfigMaps and Secrets when they start. */
export interface ConfigState {
  readonly kind: 'config';
  /** Of all of it. */
  readonly digest: string;
  /** `object` is kind and name. */
  readonly objects: readonly { readonly object: string; readonly digest: string }[];
}

/** The run of this (release, revision, attempt), reduced to what decides. */
export interface RunState {
  readonly name: string;
  /** It takes no more evidence: terminated, or left over from an earlier release of the same revision. */
  readonly isFinished: boolean;
  /** Part of the attempt's error probability that it was made with, 0–1; absent: all of it. */
  readonly share?: number;
  readonly verdict?: StepVerdict;
}

export interface Observed {
  readonly release: Release;
  readonly workload: WorkloadState | (Finding & { readonly kind?: undefined });
  readonly traffic: TrafficState | (Finding & { readonly kind?: undefined });
  /** Weights the routes would be asked for equal those they carry, i.e. `router.write(status.weight)` is empty. */
  readonly isTrafficWritten: boolean;
  /** What status says of the routes cannot be written now: pods have to go first, or labels to come back. */
  readonly isTrafficWaiting?: boolean;
  /** The routes are written, and requests do not go where they lead yet: what is lacking, as a sentence. */
  readonly awaited?: string;
  /** The routes hold what they held before Serin, with all weight on stable, i.e. `router.write(restore)` is empty. */
  readonly isTrafficRestored: boolean;
  /** Why the routes cannot be given back, although nothing of it is left to write: the canary may still get requests. */
  readonly notRestored?: Finding;
  /** Nothing is left to give back in what is there, but an object that may hold something of this release is not there now. */
  readonly unseen?: Finding;
  /** The workload holds what was taken, i.e. `workload.write(restore)` is empty. */
  readonly isWorkloadRestored: boolean;
  /** Serin may change the canary's replicas, i.e. `workload.write(scaleCanary)` is not empty for another number. */
  readonly canScale: boolean;
  /** What the workload's own controller is still to be asked for, i.e. `workload.write` of it is not empty. */
  readonly order?: GateOrder;
  /** What would have to be given back if Serin wrote now; absent while it cannot be read. */
  readonly snapshot?: TakenState;
  readonly run?: RunState;
  /** The run of the analysis step in force. */
  readonly stepRun?: RunState;
  /** The oldest run of an earlier analysis step that is still to be ended; absent when it is gone. */
  readonly endingRun?: RunState;
  /** Templates and queries resolved, or why not. Absent when the Release has no `analysis`. */
  readonly analysis?:
    | { readonly kind: 'resolved'; readonly digest: string }
    | (Finding & { readonly kind?: undefined });
  /** An analysis step that cannot be carried out: the one in force, or one to come. */
  readonly stepAnalysis?: Finding;
  /** What is wrong with the spec beyond what the plan finds; `release.spec` then holds only what is well-formed. */
  readonly invalid?: Finding;
  /** Of the gate at the step in force, for this very attempt and step; absent while it has not answered. */
  readonly gateAnswer?: { readonly isOpen: boolean; readonly says: string };
  readonly abortRevision?: string;
  /** A request that cannot be read keeps its text as id, so that it is answered once. */
  readonly request?: PersonRequest | (Finding & { readonly verb?: undefined; readonly id: string });
  /** What pods that start now read of ConfigMaps and Secrets; absent where nobody asked Serin to look at it. */
  readonly config?: ConfigState | (Finding & { readonly kind?: undefined });
  /** Another Release that claims the same workload or route and came first. */
  readonly conflict?: Finding;
  /** What made the last write of this pass impossible (a denied permission, a missing kind); it is tried again later. */
  readonly obstacle?: Finding;
  readonly nowMs: number;
}

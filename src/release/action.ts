/** What one reconcile does: exactly one of these. Applying an Action twice equals applying it once. */
import type { ReleaseStatus, Transition } from '../api/release.ts';
import type { TrafficIntent, WorkloadIntent } from './observed.ts';

/** One thing to tell people: a Kubernetes Event and, where asked for, messages. `id` makes repeating it harmless. */
export interface Announcement {
  /** `<release uid>/<revision>/<attempt>/<what>`; unique per transition. */
  readonly id: string;
  readonly what: Transition;
  readonly severity: 'Normal' | 'Warning';
  /** CamelCase, from `api/reasons.ts`. */
  readonly reason: string;
  /** One or two sentences with the numbers. */
  readonly message: string;
}

export type Action =
  /** Nothing to do until `requeueAfterMs` (absent: until something changes). */
  | { readonly kind: 'wait'; readonly requeueAfterMs?: number }
  | { readonly kind: 'addFinalizer' }
  | { readonly kind: 'removeFinalizer' }
  /** The whole new status; written with the resourceVersion that was read. */
  | { readonly kind: 'writeStatus'; readonly status: ReleaseStatus; readonly because: string }
  | {
      readonly kind: 'createRun';
      readonly name: string;
      readonly revision: string;
      readonly attempt: number;
      /** The analysis step that it is for; absent: the whole release. */
      readonly step?: number;
      /** Part of the attempt's error probability that it may have; absent: as the plan says. */
      readonly share?: number;
    }
  /** Mark the run terminated: its evidence is kept, it polls no more. */
  | { readonly kind: 'finishRun'; readonly name: string }
  | { readonly kind: 'writeTraffic'; readonly intent: TrafficIntent; readonly because: string }
  | { readonly kind: 'writeWorkload'; readonly intent: WorkloadIntent; readonly because: string }
  /** Tell people, then record `status.announced`. */
  | { readonly kind: 'announce'; readonly announcements: readonly Announcement[]; readonly status: ReleaseStatus };

/**
 * Phase × conditions, one truth table (contracts 9). `Ready`: users are served by a judged revision. `Completed`: for CI, one terminal
 * condition. `Stalled`: only when a person is needed. `lastTransitionTime` moves only with `status`.
 */
import type { Condition } from '../api/meta.ts';
import { describeMatch } from '../api/request-match.ts';
import { type Phase, type ReleaseStatus, stepTextOf } from '../api/release.ts';
import { reasons } from '../api/reasons.ts';

/** What is known of the routes; `undefined` leaves the condition as it is. */
export type Routed =
  | {
      readonly status: Condition['status'];
      readonly reason: string;
      /** Absent: what the status says, or what the reason means. */
      readonly message?: string;
    }
  | undefined;

export type StatusDraft = Omit<ReleaseStatus, 'conditions' | 'observedGeneration'>;

type Truth = 'True' | 'False';

/** The rows of the table: what each phase says about the conditions that depend on nothing else. */
export const PHASE_CONDITIONS = {
  Idle: { Ready: 'True', Progressing: 'False' },
  Waiting: { Ready: 'False', Progressing: 'True' },
  Progressing: { Ready: 'False', Progressing: 'True' },
  Held: { Ready: 'False', Progressing: 'False' },
  Promoting: { Ready: 'False', Progressing: 'True' },
  Promoted: { Ready: 'True', Progressing: 'False' },
  Aborting: { Ready: 'False', Progressing: 'True' },
  Aborted: { Ready: 'True', Progressing: 'False' },
} as const satisfies Record<Phase, { readonly Ready: Truth; readonly Progressing: Truth }>;

/** What keeps Serin from working at all, in any phase, until a person does something. */
export const OBSTACLES: ReadonlySet<string> = new Set([
  'InvalidSpec',
  'WorkloadNotFound',
  'RouteNotFound',
  'RouteNotUnderstood',
  'TemplateNotFound',
  'QueryNotFound',
  'TargetConflict',
  'NameTaken',
  'TrafficContested',
  'PermissionMissing',
  'SecretForbidden',
  'ConfigMissing',
]);

/** Holds that end only when a person does something. A pause is what somebody wanted; missing data may come back by itself. */
export const HOLDS_FOR_A_PERSON: ReadonlySet<string> = new Set([
  'DeadlineExceeded',
  'EvidenceLost',
  'Blind',
  'Inconclusive',
  'TooFewRequests',
  'TimeIsUp',
  'UnintendedShare',
]);

/** A rollout whose own controller has not taken the canary's requests back. */
const LEFT_WITH_REQUESTS: ReadonlySet<string> = new Set(['RolloutNotTakenBack', 'RolloutLeftPaused']);

function isStalledBy(phase: Phase, reason: string, routed: string): boolean {
  if (phase === 'Waiting' || phase === 'Progressing') return false;
  if (phase === 'Held') return OBSTACLES.has(reason) || HOLDS_FOR_A_PERSON.has(reason);
  return OBSTACLES.has(reason) || OBSTACLES.has(routed) || reason === 'RolloutStuck' || LEFT_WITH_REQUESTS.has(routed);
}

/** The whole status: the draft with its conditions, each with the generation it speaks of. */
export function statusOf(
  draft: StatusDraft,
  previous: ReleaseStatus,
  context: { readonly generation: number; readonly now: string; readonly routed: Routed },
): ReleaseStatus {
  const found = conditionsOf(draft, context.routed ?? previousRouted(previous));
  const conditions = found.map((condition): Condition => {
    const before = previous.conditions.find(({ type }) => type === condition.type);
    const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : context.now;
    return { ...condition, observedGeneration: context.generation, lastTransitionTime };
  });
  const { stepText: _before, ...rest } = draft;
  const stepText = stepTextOf(draft.step);
  return {
    ...rest,
    ...(stepText === undefined ? {} : { stepText }),
    observedGeneration: context.generation,
    conditions,
  };
}

type Found = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

function conditionsOf(draft: StatusDraft, routed: NonNullable<Routed>): readonly Found[] {
  const row = PHASE_CONDITIONS[draft.phase];
  const reason = draft.reason ?? draft.phase;
  const message = (draft.message ?? meaningOf(reason)).slice(0, 2048);
  const isStalled = isStalledBy(draft.phase, reason, routed.reason);
  const left = { reason: routed.reason, message: routedMessage(draft, routed) };
  // Why it was given up is not why a person is needed.
  const isLeft = isStalled && LEFT_WITH_REQUESTS.has(routed.reason);
  return [
    ready(draft, { status: isStalled ? 'False' : row.Ready, reason, message }),
    completed(draft, message),
    { type: 'Progressing', status: isStalled ? 'False' : row.Progressing, reason, message },
    { type: 'Stalled', status: isStalled ? 'True' : 'False', ...(isLeft ? left : { reason, message }) },
    { type: 'TrafficRouted', ...left, status: routed.status },
    analysisSucceeded(draft),
  ];
}

/** Between releases the reason tells how the last one ended, which says nothing of a stable version that was changed since. */
function ready({ revision: { stable, judgedStable } }: StatusDraft, row: Omit<Found, 'type'>): Found {
  const type = 'Ready';
  if (row.status === 'False' || judgedStable === undefined) return { type, ...row };
  const message = `${stable ?? ''} took the place of ${judgedStable} directly; nothing judged that. Release the next version, or put ${judgedStable} back.`;
  return { type, status: 'False', reason: 'StableChanged', message };
}

function completed(draft: StatusDraft, message: string): Found {
  const type = 'Completed';
  const outcome = draft.history?.at(-1)?.outcome;
  const isSettled = draft.phase === 'Promoted' || draft.phase === 'Aborted' || draft.phase === 'Idle';
  if (isSettled && outcome !== undefined) return { type, status: 'True', reason: outcome, message };
  return { type, status: 'False', reason: draft.phase, message };
}

function analysisSucceeded({ verdict }: StatusDraft): Found {
  const type = 'AnalysisSucceeded';
  const reason = verdict?.reason ?? verdict?.outcome ?? 'Unjudged';
  const message = verdict?.says ?? meaningOf(reason);
  if (verdict?.outcome === 'Pass') return { type, status: 'True', reason, message };
  return { type, status: verdict?.outcome === 'Fail' ? 'False' : 'Unknown', reason, message };
}

function routedMessage(draft: StatusDraft, routed: NonNullable<Routed>): string {
  if (routed.message !== undefined) return routed.message.slice(0, 2048);
  if (routed.status === 'True') return `The canary gets ${draft.weight} % of the requests${besidesSaid(draft)}.`;
  return routed.status === 'False' ? (draft.message ?? meaningOf(routed.reason)) : meaningOf(routed.reason);
}

function besidesSaid({ beside }: StatusDraft): string {
  const match = beside?.match === undefined ? '' : `, and ${describeMatch(beside.match)}`;
  return beside?.mirror === undefined ? match : `${match}, and a copy of ${beside.mirror} %`;
}

function previousRouted(previous: ReleaseStatus): NonNullable<Routed> {
  const before = previous.conditions.find(({ type }) => type === 'TrafficRouted');
  const routed = { status: before?.status ?? 'Unknown', reason: before?.reason ?? 'UpToDate' };
  // What a person must do stays said until it is done.
  const isSaid = OBSTACLES.has(before?.reason ?? '') || before?.reason === 'RolloutNotTakenBack';
  return before?.status === 'False' && isSaid ? { ...routed, message: before.message } : routed;
}

function meaningOf(reason: string): string {
  return Object.entries(reasons).find(([name]) => name === reason)?.[1] ?? reason;
}

/**
 * What Kruise Rollouts is asked for: the fields of its status that its own command line writes, guarded by everything that says which
 * release and which visit of which step is meant. Its controller writes its whole status anew and may overwrite an approval with an
 * older picture; then the step waits again, and is judged again.
 */
import { at, numberAt } from '../../api/fields.ts';
import { FIELD_MANAGERS, type JsonPatchOperation, type Patch, type ResourceType, TYPES } from '../../api/meta.ts';
import type { GateOrder, GateState } from '../../release/observed.ts';
import type { Found } from './state.ts';

export interface Asked {
  readonly found: Found;
  readonly gate: GateState;
  readonly onAbort: 'restore' | 'pause';
  /** What was remembered before the first write. */
  readonly taken: Readonly<Record<string, unknown>> | undefined;
}

export function patchesFor(asked: Asked, order: GateOrder): readonly Patch[] {
  const { found, gate } = asked;
  switch (order.kind) {
    case 'openGate':
      return gate.gate?.id === order.gate ? approve(found) : [];
    case 'goBack':
      return gate.gate?.id === order.from ? jump(found, order.step) : [];
    case 'skipStep':
      // Mid-way there is no next step yet that it could be told from.
      return gate.gate !== undefined && gate.step === order.step ? approve(found) : [];
    case 'promoteFull':
      return toTheEnd(found);
    case 'giveUp':
      return giveUp(asked);
    case 'tryAgain':
      return found.status.isPaused ? hold(asked, false) : [];
    case 'hold':
      return hold(asked, order.isHeld);
    default:
      return order satisfies never;
  }
}

/** Only from the pause itself: nothing else is approved. */
function approve(found: Found): readonly Patch[] {
  const { status, isSeen } = found;
  if (!isSeen || status.progress !== 'InRolling' || status.state !== 'StepPaused') return [];
  return toStatus(found, [{ op: 'replace', path: `/status/${status.path}/currentStepState`, value: 'StepReady' }]);
}

/** Its controller goes there at once, whatever it is doing; pods stay, routes follow. */
function jump(found: Found, step: number): readonly Patch[] {
  const { status, isSeen } = found;
  if (!isSeen || status.progress !== 'InRolling' || status.sub['nextStepIndex'] === step) return [];
  return toStatus(found, [{ op: 'replace', path: `/status/${status.path}/nextStepIndex`, value: step }]);
}

/** To the last step, and past its pause if it has one. The step before the last one leads there anyway. */
function toTheEnd(found: Found): readonly Patch[] {
  const { status, steps } = found;
  if (status.step < steps.length - 1) return jump(found, steps.length);
  return steps[status.step - 1]?.pause === undefined ? [] : approve(found);
}

/** Its controller looks whether its template went back. */
const LOOKS_BACK: ReadonlySet<string> = new Set(['InRolling', 'Paused']);

function giveUp(asked: Asked): readonly Patch[] {
  const { found, onAbort } = asked;
  const { versions, status } = found;
  if (versions.canary !== undefined) {
    if (status.phase !== 'Progressing' || !LOOKS_BACK.has(status.progress)) return [];
    if (onAbort === 'pause') return hold(asked, true);
    // Before that it would take stable's template for the new version, or leave the workload paused for ever.
    if (versions.isControlled) return restore(found);
    return status.isPaused ? setPaused(found, false) : [];
  }
  if (!versions.isInProgress) return [];
  // A rollout that is paused as a whole does not look at all.
  if (status.isPaused) return setPaused(found, false);
  return isGoingBackByStep(found) ? toTheEnd(found) : [];
}

/** Some kinds go back through all steps, with a pause at each; those are approved, and none that is not about stable's own revision. */
function isGoingBackByStep({ status, versions }: Found): boolean {
  const theirs = status.sub['canaryRevision'];
  const own = versions.stable.label?.value;
  return own !== undefined && typeof theirs === 'string' && (own === theirs || own.endsWith(`-${theirs}`));
}

/** The pod template as stable has it; only over the very template that was read. */
function restore({ versions }: Found): readonly Patch[] {
  const { workload, type, stable } = versions;
  return patch(type, workload.metadata, [
    { op: 'test', path: '/metadata/uid', value: workload.metadata.uid },
    { op: 'test', path: '/spec/template', value: at(workload, 'spec', 'template') },
    { op: 'replace', path: '/spec/template', value: stable.template },
  ]);
}

/** Only what was not paused before is resumed, and the field goes where there was none. */
function hold({ found, taken }: Asked, isHeld: boolean): readonly Patch[] {
  if (found.status.isPaused === isHeld || taken === undefined) return [];
  if (taken['uid'] !== found.rollout.metadata.uid) return [];
  return setPaused(found, isHeld, taken['paused'] === false);
}

function setPaused({ rollout }: Found, isPaused: boolean, hadField = false): readonly Patch[] {
  const path = '/spec/strategy/paused';
  const change: JsonPatchOperation = isPaused
    ? { op: 'add', path, value: true }
    : hadField
      ? { op: 'replace', path, value: false }
      : { op: 'remove', path };
  return patch(TYPES.kruiseRollout, rollout.metadata, [
    { op: 'test', path: '/metadata/generation', value: numberAt(rollout, 'metadata', 'generation') },
    change,
  ]);
}

/** Which release, which visit of which step: all that its controller writes when it goes on. */
const GUARDS = [
  'observedRolloutID',
  'observedWorkloadGeneration',
  'stableRevision',
  'canaryRevision',
  'updatedRevision',
  'podTemplateHash',
  'currentStepIndex',
  'nextStepIndex',
  'currentStepState',
  'lastUpdateTime',
];

function toStatus({ rollout, status }: Found, operations: readonly JsonPatchOperation[]): readonly Patch[] {
  const guards = GUARDS.filter((field) => status.sub[field] !== undefined).map(
    (field): JsonPatchOperation => ({
      op: 'test',
      path: `/status/${status.path}/${field}`,
      value: status.sub[field],
    }),
  );
  return patch(TYPES.kruiseRollout, rollout.metadata, [...guards, ...operations], 'status');
}

function patch(
  type: ResourceType,
  { name, namespace }: { readonly name: string; readonly namespace?: string },
  operations: readonly JsonPatchOperation[],
  subresource?: 'status',
): readonly Patch[] {
  return [
    {
      kind: 'json',
      target: { type, name, ...(namespace === undefined ? {} : { namespace }) },
      ...(subresource === undefined ? {} : { subresource }),
      operations,
      fieldManager: FIELD_MANAGERS.workload,
    },
  ];
}

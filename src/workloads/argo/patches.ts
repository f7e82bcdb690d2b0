/**
 * What Argo Rollouts is asked for: the same fields that its own command line writes, guarded by what was read. Its status is
 * the only interface there is ("There is no Argo Rollouts API", its documentation says).
 */
import { at, numberAt } from '../../api/fields.ts';
import { FIELD_MANAGERS, type JsonPatchOperation, type ObjectRef, type Patch, TYPES } from '../../api/meta.ts';
import type { GateOrder, GateState } from '../../release/observed.ts';
import type { Found } from './state.ts';

export function patchesFor(found: Found, gate: GateState, order: GateOrder): readonly Patch[] {
  switch (order.kind) {
    case 'openGate':
      return gate.gate?.id === order.gate && gate.gate.isTheirs !== true ? open(found) : [];
    case 'goBack':
      return gate.gate?.id === order.from && gate.gate.isTheirs !== true ? goTo(found, order.step - 1) : [];
    case 'skipStep':
      return skip(found, order.step);
    case 'promoteFull':
      return found.status.isPromotingFully
        ? []
        : toStatus(found, [{ op: 'add', path: '/status/promoteFull', value: true }]);
    case 'giveUp':
      return found.status.isAborted ? [] : toStatus(found, [{ op: 'add', path: '/status/abort', value: true }]);
    case 'tryAgain':
      return found.status.isAborted
        ? toStatus(found, [
            { op: 'test', path: '/status/abort', value: true },
            { op: 'replace', path: '/status/abort', value: false },
          ])
        : [];
    case 'hold':
      return hold(found, order.isHeld, order.taken);
    default:
      return order satisfies never;
  }
}

/** Its controller knows by the missing conditions that somebody resumed it, and moves the index itself. */
function open(found: Found): readonly Patch[] {
  return toStatus(found, [
    ...atStep(found),
    { op: 'test', path: '/status/pauseConditions', value: at(found.rollout, 'status', 'pauseConditions') },
    { op: 'remove', path: '/status/pauseConditions' },
  ]);
}

/** Mid-way, or past what its own analysis could not decide: the index is moved, as its command line does. */
function skip(found: Found, step: number): readonly Patch[] {
  const { status } = found;
  if (status.isBlueGreen) return status.pauses.length > 0 ? open(found) : [];
  return status.stepIndex === step - 1 && !status.isAborted ? goTo(found, step) : [];
}

/** `stepIndex` counts from 0, as its controller does. Its routes and pods follow the index, also downwards. */
function goTo(found: Found, stepIndex: number): readonly Patch[] {
  const pauses = at(found.rollout, 'status', 'pauseConditions');
  return toStatus(found, [
    ...atStep(found),
    ...(found.status.pauses.length > 0
      ? ([
          { op: 'test', path: '/status/pauseConditions', value: pauses },
          { op: 'remove', path: '/status/pauseConditions' },
          { op: 'add', path: '/status/controllerPause', value: false },
        ] as const)
      : []),
    { op: 'replace', path: '/status/currentStepIndex', value: stepIndex },
  ]);
}

/** Only what was not paused before is resumed, and the field goes where there was none. */
function hold(
  { rollout }: Found,
  isHeld: boolean,
  taken: Readonly<Record<string, unknown>> | undefined,
): readonly Patch[] {
  const isNow = at(rollout, 'spec', 'paused') === true;
  if (isNow === isHeld || taken === undefined || taken['uid'] !== rollout.metadata.uid) return [];
  const guard: JsonPatchOperation = {
    op: 'test',
    path: '/metadata/generation',
    value: numberAt(rollout, 'metadata', 'generation'),
  };
  const change: JsonPatchOperation = isHeld
    ? { op: 'add', path: '/spec/paused', value: true }
    : taken['paused'] === false
      ? { op: 'replace', path: '/spec/paused', value: false }
      : { op: 'remove', path: '/spec/paused' };
  return [
    { kind: 'json', target: targetOf({ rollout }), operations: [guard, change], fieldManager: FIELD_MANAGERS.workload },
  ];
}

const atStep = ({ status }: Found): readonly JsonPatchOperation[] =>
  status.stepIndex === undefined ? [] : [{ op: 'test', path: '/status/currentStepIndex', value: status.stepIndex }];

/** Never about another revision, and never about one that is stable by now. */
function toStatus(found: Found, operations: readonly JsonPatchOperation[]): readonly Patch[] {
  const { currentHash, stableHash } = found.status;
  return [
    {
      kind: 'json',
      target: targetOf(found),
      subresource: 'status',
      operations: [
        { op: 'test', path: '/status/currentPodHash', value: currentHash },
        { op: 'test', path: '/status/stableRS', value: stableHash },
        ...operations,
      ],
      fieldManager: FIELD_MANAGERS.workload,
    },
  ];
}

function targetOf({ rollout }: Pick<Found, 'rollout'>): ObjectRef {
  const { name, namespace } = rollout.metadata;
  return { type: TYPES.argoRollout, name, ...(namespace === undefined ? {} : { namespace }) };
}

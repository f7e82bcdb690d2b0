/**
 * What Serin writes on a user's Deployment, and nothing else: one label, up to two annotations, and `spec.paused`; where it looks after the
 * configuration, also one annotation of the template (config-mark.ts).
 */
import { at } from '../../api/fields.ts';
import { FIELD_MANAGERS, type JsonPatchOperation, type KubeObject, type Patch, TYPES } from '../../api/meta.ts';
import type { InPlaceOrder } from '../../release/in-place.ts';

/** Name of the Release. The admission policy watches Deployments that have it. */
export const RELEASE_LABEL = 'serin.dev/release';
/** The pause is Serin's, not a person's. Whoever pauses for Serin writes it in the same request. */
export const HELD_ANNOTATION = 'serin.dev/held';
/** `policy`: the admission policy was there when the label came, and holds new templates by itself. */
export const HOLD_ANNOTATION = 'serin.dev/hold';
/** On the canary's pods only. A template that has it already is refused. */
export const ROLE_LABEL = 'serin.dev/role';
export const CANARY_ROLE = 'canary';

export const isPaused = (deployment: KubeObject): boolean => at(deployment, 'spec', 'paused') === true;
const annotation = (deployment: KubeObject, key: string): string | undefined => deployment.metadata.annotations?.[key];

export const isHeld = (deployment: KubeObject): boolean =>
  isPaused(deployment) && annotation(deployment, HELD_ANNOTATION) !== undefined;
export const isHeldByPolicy = (deployment: KubeObject): boolean => annotation(deployment, HOLD_ANNOTATION) === 'policy';
export const isClaimed = (deployment: KubeObject, release: string | undefined): boolean =>
  release !== undefined && deployment.metadata.labels?.[RELEASE_LABEL] === release;

export const hasMarks = (deployment: KubeObject, release: string | undefined): boolean =>
  isClaimed(deployment, release) ||
  annotation(deployment, HELD_ANNOTATION) !== undefined ||
  annotation(deployment, HOLD_ANNOTATION) !== undefined;

export interface MarkContext {
  readonly release: string;
  /** Ending the pause starts nothing, or only what users get anyway. */
  readonly isThrough: boolean;
  /** What the template lacks to be as it passed. */
  readonly mark: readonly JsonPatchOperation[];
}

/** A guarded patch, or nothing where the Deployment is as wanted already. */
export function orderPatch(deployment: KubeObject, order: InPlaceOrder, context: MarkContext): Patch | undefined {
  const operations = operationsFor(deployment, order, context);
  if (operations.length === 0) return undefined;
  const { namespace, name } = deployment.metadata;
  return {
    kind: 'json',
    target: { type: TYPES.deployment, name, ...(namespace === undefined ? {} : { namespace }) },
    operations: [...guards(deployment), ...operations],
    fieldManager: FIELD_MANAGERS.workload,
  };
}

/** The very template that was looked at, and the very pause: a change in between is looked at first. */
function guards(deployment: KubeObject): readonly JsonPatchOperation[] {
  return [
    { op: 'test', path: '/metadata/uid', value: deployment.metadata.uid },
    { op: 'test', path: '/spec/template', value: at(deployment, 'spec', 'template') },
    ...(isPaused(deployment) ? [{ op: 'test' as const, path: '/spec/paused', value: true }] : []),
  ];
}

function operationsFor(
  deployment: KubeObject,
  order: InPlaceOrder,
  context: MarkContext,
): readonly JsonPatchOperation[] {
  switch (order) {
    case 'claim':
      return put(deployment, 'labels', RELEASE_LABEL, context.release);
    case 'hold':
      return [
        ...(isPaused(deployment) ? [] : [{ op: 'add' as const, path: '/spec/paused', value: true }]),
        ...put(deployment, 'annotations', HELD_ANNOTATION, context.release),
        // Where a policy is at work it puts this back in the same request.
        ...(isPaused(deployment) ? [] : drop(deployment, 'annotations', HOLD_ANNOTATION)),
      ];
    case 'letThrough':
      return [
        ...context.mark,
        ...(isHeld(deployment)
          ? [{ op: 'remove' as const, path: '/spec/paused' }, ...drop(deployment, 'annotations', HELD_ANNOTATION)]
          : []),
      ];
    case 'handBack': {
      const endsPause = isHeld(deployment) && context.isThrough;
      return [
        ...(endsPause ? [{ op: 'remove' as const, path: '/spec/paused' }] : []),
        ...(isClaimed(deployment, context.release) ? drop(deployment, 'labels', RELEASE_LABEL) : []),
        ...drop(deployment, 'annotations', HELD_ANNOTATION),
        ...drop(deployment, 'annotations', HOLD_ANNOTATION),
      ];
    }
    default:
      return order satisfies never;
  }
}

type Map = 'labels' | 'annotations';

function put(deployment: KubeObject, map: Map, key: string, value: string): readonly JsonPatchOperation[] {
  const present = deployment.metadata[map];
  if (present?.[key] === value) return [];
  const path = `/metadata/${map}`;
  return present === undefined
    ? [{ op: 'add', path, value: { [key]: value } }]
    : [{ op: 'add', path: `${path}/${pointer(key)}`, value }];
}

function drop(deployment: KubeObject, map: Map, key: string): readonly JsonPatchOperation[] {
  const value = deployment.metadata[map]?.[key];
  if (value === undefined) return [];
  const path = `/metadata/${map}/${pointer(key)}`;
  return [
    { op: 'test', path, value },
    { op: 'remove', path },
  ];
}

/** A key as part of a JSON pointer (RFC 6901 §3). */
export const pointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

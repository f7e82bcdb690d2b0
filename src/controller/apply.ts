/**
 * The only place that writes for a Release: one Action, guarded by what was read. A write over something that changed meanwhile is a
 * `SERIN_E_CONFLICT`, and the next pass decides again.
 */
import {
  API_VERSION,
  FIELD_MANAGERS,
  FINALIZER,
  type Finding,
  type JsonPatchOperation,
  type KubeObject,
  type ObjectRef,
  type Patch,
  TYPES,
  type Write,
} from '../api/meta.ts';
import { stringAt } from '../api/fields.ts';
import type { Release, ReleaseStatus } from '../api/release.ts';
import type { Clock } from '../clock.ts';
import { SerinError } from '../errors.ts';
import type { KubeClient } from '../kube/port.ts';
import type { Action } from '../release/action.ts';
import type { WorkloadState } from '../release/observed.ts';
import { analysisSpecOf, isFinding } from './analysis-spec.ts';
import { announce, type AnnounceDeps } from './announce.ts';
import type { Gathered } from './gather.ts';

export interface ApplyDeps extends AnnounceDeps {
  readonly kube: KubeClient;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly gridMs: number;
}

/** A finding: it could not be carried out and nothing was written, so that trying again at once would change nothing. */
export async function apply(
  deps: ApplyDeps,
  seen: Gathered,
  action: Action,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  switch (action.kind) {
    case 'wait':
      return undefined;
    case 'writeStatus':
      await writeStatus(deps, seen, action.status, signal);
      return undefined;
    case 'announce':
      await announce(deps, seen, action.announcements, signal);
      await writeStatus(deps, seen, action.status, signal);
      return undefined;
    case 'addFinalizer':
    case 'removeFinalizer':
      await writeFinalizer(deps, seen, action.kind, signal);
      return undefined;
    case 'createRun':
      return createRun(deps, seen, action, signal);
    case 'finishRun':
      await finishRun(deps, seen, action.name, signal);
      return undefined;
    case 'writeTraffic':
      return writeAll(deps, trafficPatches(seen, action.intent), nothingToWrite(seen, action), signal);
    case 'writeWorkload': {
      const writes = seen.workload?.adapter.write(seen.workload.input, action.intent) ?? [];
      return writeAll(deps, writes, nothingToWrite(seen, action), signal);
    }
    default:
      return action satisfies never;
  }
}

/** Why an adapter finds nothing to write although something is not as it should be. */
function nothingToWrite(
  { observed }: Gathered,
  action: Extract<Action, { kind: 'writeTraffic' | 'writeWorkload' }>,
): Finding {
  const { workload, traffic } = observed;
  if (workload.kind === undefined) return workload;
  const said = 'and there is nothing to write that would change it';
  if (action.kind === 'writeWorkload') {
    const message = `The workload is not as the release needs it (${action.intent.kind}), ${said}. Look at what spec.workload names.`;
    return { reason: 'WorkloadNotFound', message };
  }
  if (traffic.kind === undefined) return traffic;
  const message = `The routes are not as the release needs them (${action.intent.kind}), ${said}. Look at what spec.traffic names.`;
  return { reason: 'RouteNotUnderstood', message };
}

function trafficPatches(
  { traffic }: Gathered,
  intent: Extract<Action, { kind: 'writeTraffic' }>['intent'],
): readonly Patch[] {
  const router = intent.kind === 'restore' ? traffic?.restorer : traffic?.router;
  return traffic === undefined ? [] : (router?.write(traffic.input, intent) ?? []);
}

async function writeAll(
  { kube }: ApplyDeps,
  writes: readonly Write[],
  otherwise: Finding,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  for (const write of writes) {
    if (write.kind === 'create') await kube.create(write.object, write.fieldManager, signal);
    else if (write.kind === 'delete') await kube.delete(write.target, { uid: write.uid }, signal);
    else await kube.patch(write, signal);
  }
  return writes.length === 0 ? otherwise : undefined;
}

/** Over exactly the version that was decided on. */
async function writeStatus(
  { kube }: ApplyDeps,
  { observed }: Gathered,
  status: ReleaseStatus,
  signal: AbortSignal,
): Promise<void> {
  const operations: readonly JsonPatchOperation[] = [
    unchanged(observed.release.metadata.resourceVersion),
    { op: 'add', path: '/status', value: status },
  ];
  await kube.patch(
    {
      kind: 'json',
      target: releaseRef(observed),
      subresource: 'status',
      operations,
      fieldManager: FIELD_MANAGERS.status,
    },
    signal,
  );
}

async function writeFinalizer(
  { kube }: ApplyDeps,
  { observed }: Gathered,
  kind: 'addFinalizer' | 'removeFinalizer',
  signal: AbortSignal,
): Promise<void> {
  const { finalizers, resourceVersion } = observed.release.metadata;
  const index = finalizers?.indexOf(FINALIZER) ?? -1;
  const operations: JsonPatchOperation[] = [unchanged(resourceVersion)];
  if (kind === 'removeFinalizer') {
    if (index < 0) return;
    operations.push(
      { op: 'test', path: `/metadata/finalizers/${index}`, value: FINALIZER },
      { op: 'remove', path: `/metadata/finalizers/${index}` },
    );
  } else {
    if (index >= 0) return;
    operations.push(
      finalizers === undefined
        ? { op: 'add', path: '/metadata/finalizers', value: [FINALIZER] }
        : { op: 'add', path: '/metadata/finalizers/-', value: FINALIZER },
    );
  }
  await kube.patch(
    { kind: 'json', target: releaseRef(observed), operations, fieldManager: FIELD_MANAGERS.children },
    signal,
  );
}

/** The name is fixed by release, revision and attempt: making it twice is making it once. */
async function createRun(
  deps: ApplyDeps,
  seen: Gathered,
  action: Extract<Action, { kind: 'createRun' }>,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const { release, workload } = seen.observed;
  if (workload.kind !== 'workload') return workload;
  const spec = await analysisSpecOf(seen.reader, {
    ...action,
    release,
    workload: workload satisfies WorkloadState,
    nowMs: startOf(release, deps.clock),
    gridMs: deps.gridMs,
  });
  if (isFinding(spec)) throw new SerinError('SERIN_E_CONFLICT', `${spec.message} It is read again.`);
  const { namespace, name, uid } = release.metadata;
  const run: KubeObject = {
    apiVersion: API_VERSION,
    kind: TYPES.analysisRun.kind,
    metadata: {
      name: action.name,
      namespace,
      labels: {
        'app.kubernetes.io/managed-by': 'serin',
        'serin.dev/release': name.slice(0, 63).replace(/[^a-z0-9]+$/, ''),
        'serin.dev/revision': action.revision,
        ...(action.step === undefined ? {} : { 'serin.dev/step': String(action.step) }),
      },
      ownerReferences: [
        { apiVersion: API_VERSION, kind: 'Release', name, uid, controller: true, blockOwnerDeletion: false },
      ],
    },
    spec,
  };
  try {
    await deps.kube.create(run, FIELD_MANAGERS.children, signal);
    return undefined;
  } catch (thrown) {
    if (!(thrown instanceof SerinError) || thrown.code !== 'SERIN_E_CONFLICT') throw thrown;
    return clearRunName(deps.kube, { type: TYPES.analysisRun, namespace, name: action.name }, release, signal);
  }
}

/** Never before the release began by the clock of whoever began it: an earlier start is what tells a run that was left over. */
function startOf({ status }: Release, clock: ApplyDeps['clock']): number {
  return Math.max(clock.nowMs(), Date.parse(status?.startedAt ?? '') || 0);
}

/**
 * A run of a deleted Release of the same name is in the way until garbage collection comes by, so it goes. What belongs to nobody, or to
 * somebody else, is left alone.
 */
async function clearRunName(
  kube: KubeClient,
  ref: ObjectRef,
  { metadata }: Release,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const found = await kube.get(ref, signal);
  // Gone, or made by another process just now: the next pass sees it.
  if (found?.metadata.uid === undefined || stringAt(found, 'spec', 'release', 'uid') === metadata.uid) return undefined;
  const owner = found.metadata.ownerReferences?.find(({ controller }) => controller === true);
  const isOfFormer = owner?.kind === 'Release' && owner.name === metadata.name && owner.uid !== metadata.uid;
  if (isOfFormer && found.metadata.deletionTimestamp === undefined) {
    await kube.delete(ref, { uid: found.metadata.uid }, signal);
    return undefined;
  }
  const is = isOfFormer ? 'is being deleted, and its finalizers keep it' : 'belongs to no Release that is there';
  return {
    reason: 'NameTaken',
    message: `AnalysisRun ${ref.namespace ?? ''}/${ref.name} has the name that this release needs and ${is}. Keep a copy if it is worth one, then delete it: kubectl --namespace ${ref.namespace ?? ''} delete analysisrun ${ref.name}`,
  };
}

/** Its evidence stays; nobody polls it any more. */
async function finishRun(
  { kube }: ApplyDeps,
  { observed }: Gathered,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const target: ObjectRef = { type: TYPES.analysisRun, namespace: observed.release.metadata.namespace, name };
  const run = await kube.get(target, signal);
  if (run === undefined) return;
  const finished: JsonPatchOperation =
    run['status'] === undefined
      ? { op: 'add', path: '/status', value: { phase: 'Terminated' } }
      : { op: 'add', path: '/status/phase', value: 'Terminated' };
  const operations = [unchanged(run.metadata.resourceVersion ?? ''), finished];
  await kube.patch(
    { kind: 'json', target, subresource: 'status', operations, fieldManager: FIELD_MANAGERS.status },
    signal,
  );
}

const unchanged = (resourceVersion: string): JsonPatchOperation => ({
  op: 'test',
  path: '/metadata/resourceVersion',
  value: resourceVersion,
});

function releaseRef({ release }: Gathered['observed']): ObjectRef {
  return { type: TYPES.release, namespace: release.metadata.namespace, name: release.metadata.name };
}

/**
 * The workload that a Rollout of OpenKruise is about, and its two templates: the newest stands in it, stable's in a ReplicaSet or a
 * ControllerRevision.
 */
import { at, fieldsAt, labelsAt, numberAt, sameJson, stringAt, timeAt } from '../../api/fields.ts';
import { type Finding, type KubeObject, type ResourceType, TYPES } from '../../api/meta.ts';
import { quote } from '../../api/units.ts';
import { canonicalJson, shortHash } from '../../release/revision.ts';
import { isOwnedBy, withoutHash } from '../deployment-arm.ts';
import type { ObjectSet } from '../port.ts';
import { hasExtraDeployment, type RolloutStatus } from './status.ts';

const POD_TEMPLATE_HASH = 'pod-template-hash';
const REVISION_HASH = 'controller-revision-hash';
/** Put on the workload by the webhook in the very write that changes its template; gone once the release is being finished. */
const IN_PROGRESS = 'rollouts.kruise.io/in-progressing';
/** Put on the workload by whoever moves its pods, for as long as it does; only then it is given back when the release is cancelled. */
const CONTROLLED = 'batchrelease.rollouts.kruise.io/control-info';
/** Put on Deployments in that write too. */
const STABLE_REVISION = 'rollouts.kruise.io/stable-revision';
/** On the Deployment of a canary: the name of the one beside which it runs. */
const CANARY_OF = 'rollouts.kruise.io/canary-deployment';

/** One of the two templates, and whose pods have it. */
export interface Version {
  /** Of the template; the same text for the same template, whoever holds it. */
  readonly revision: string;
  /** As the user wrote it. */
  readonly template: unknown;
  /** The Deployment (or other workload) that the pods are counted under; undefined until it is made. */
  readonly workload: string | undefined;
  /** The ReplicaSet of the pods, or the object that owns them directly. */
  readonly owner: KubeObject | undefined;
  /** Pods of it have this label. */
  readonly label?: { readonly key: string; readonly value: string };
}

export interface Versions {
  readonly kind: 'versions';
  readonly workload: KubeObject;
  readonly type: ResourceType;
  /** Pods that it is meant to have. */
  readonly replicas: number;
  /** A release is under way, by its controller's own account. */
  readonly isInProgress: boolean;
  /** Its pods are being moved: a release that is cancelled now gives the workload back. */
  readonly isControlled: boolean;
  readonly stable: Version;
  /** The newest template, where it is another than stable's while a release is under way. */
  readonly canary?: Version;
}

type Refusal = Finding & { readonly kind?: undefined };

/** What a Rollout may be about. Any version of a kind is read by the one that stands here. */
export const WORKLOAD_KINDS: readonly ResourceType[] = [
  TYPES.deployment,
  TYPES.statefulSet,
  TYPES.daemonSet,
  TYPES.cloneSet,
  TYPES.advancedStatefulSet,
  TYPES.advancedDaemonSet,
];

/** Both versions, or why they cannot be told. `knownStable`: the revision that was stable at the last look. */
export function versionsOf(
  rollout: KubeObject,
  status: RolloutStatus,
  objects: ObjectSet,
  knownStable: string | undefined,
): Versions | Refusal {
  const { apiVersion, kind, name, type } = referenceOf(rollout);
  const { namespace = '' } = rollout.metadata;
  if (type === undefined) {
    return {
      reason: 'InvalidSpec',
      message: `Rollout ${quote(rollout.metadata.name)} is about a ${kind} of ${apiVersion}, which Serin does not read. Use a Deployment, StatefulSet or DaemonSet of apps/v1, or a CloneSet, StatefulSet or DaemonSet of apps.kruise.io.`,
    };
  }
  const workload = objects.find(type, namespace, name);
  if (workload === undefined) {
    return {
      reason: 'WorkloadNotFound',
      message: `Rollout ${quote(rollout.metadata.name)} is about ${kind} ${quote(name)}, which does not exist in namespace ${namespace}. Create it, or correct spec.workloadRef.`,
    };
  }
  const isControlled = workload.metadata.annotations?.[CONTROLLED] !== undefined;
  const found = { kind: 'versions', workload, type, replicas: replicasOf(workload), isControlled } as const;
  const isInProgress = isUnderWay(status) || isMarked(workload, status);
  const isBeside = isInProgress && hasExtraDeployment(rollout);
  const newest = newestOf(workload, type, isBeside, objects);
  if (!isInProgress) return { ...found, isInProgress, stable: newest };
  const stable = stableOf(workload, type, status, objects, knownStable);
  if (stable === undefined) {
    // Its last pods go while the release is being finished.
    if (status.progress === 'Finalising') return { ...found, isInProgress, stable: newest };
    return {
      reason: 'WorkloadNotFound',
      message: `The previous version of ${kind} ${quote(name)} cannot be found among its revisions, so nothing can be compared with it. Restore the previous version.`,
    };
  }
  if (stable.revision !== newest.revision) return { ...found, isInProgress, stable, canary: newest };
  return { ...found, isInProgress, stable };
}

/** The workload that a Rollout names, as it stands there. */
function referenceOf(rollout: KubeObject) {
  const [apiVersion = '', kind = '', name = ''] = ['apiVersion', 'kind', 'name'].map((field) =>
    stringAt(rollout, 'spec', 'workloadRef', field),
  );
  const type = WORKLOAD_KINDS.find((each) => each.kind === kind && apiVersion.split('/')[0] === each.group);
  return { apiVersion, kind, name, type };
}

/** The workload, and Deployments of canaries beside it: whose ReplicaSets and pods a Rollout is about. */
export function ownersOf(rollout: KubeObject, objects: ObjectSet): readonly KubeObject[] {
  const { name, type } = referenceOf(rollout);
  const { namespace = '' } = rollout.metadata;
  const workload = type === undefined ? undefined : objects.find(type, namespace, name);
  if (workload === undefined) return [];
  const beside = objects
    .all(TYPES.deployment, namespace)
    .filter(({ metadata }) => metadata.labels?.[CANARY_OF] === name);
  return [workload, ...beside];
}

/** Only a rollout that is through, or never began, has none. */
const isUnderWay = ({ phase, progress }: RolloutStatus): boolean =>
  (phase === 'Progressing' && progress !== 'Completed') || phase === 'Disabling' || phase === 'Terminating';

/** The write that changes the template is marked before its Rollout knows of it. */
const isMarked = ({ metadata }: KubeObject, { phase }: RolloutStatus): boolean =>
  metadata.annotations?.[IN_PROGRESS] !== undefined && phase !== 'Disabled';

function replicasOf(workload: KubeObject): number {
  if (workload.kind === 'DaemonSet') return numberAt(workload, 'status', 'desiredNumberScheduled') ?? 0;
  return numberAt(workload, 'spec', 'replicas') ?? 1;
}

/** Its controller takes every difference for a new version, a restart too. */
const revisionOf = (template: unknown): string => shortHash(canonicalJson(withoutHash(template)));

function newestOf(workload: KubeObject, type: ResourceType, isBeside: boolean, objects: ObjectSet): Version {
  const template = at(workload, 'spec', 'template');
  const version = { revision: revisionOf(template), template, workload: workload.metadata.name };
  if (type !== TYPES.deployment) {
    const hash = updateOf(workload, version.revision, objects);
    // No pod can have a template that its controller has not seen.
    return hash === undefined && isBehind(workload)
      ? { ...version, owner: undefined }
      : { ...version, ...ownPods(workload, hash) };
  }
  if (!isBeside) return { ...version, owner: setOf(workload, template, objects) };
  const beside = canaryDeploymentOf(workload, objects);
  const owner = beside === undefined ? undefined : newestSetOf(beside, objects);
  return { ...version, workload: beside?.metadata.name, owner };
}

function stableOf(
  workload: KubeObject,
  type: ResourceType,
  { sub }: RolloutStatus,
  objects: ObjectSet,
  knownStable: string | undefined,
): Version | undefined {
  const { name } = workload.metadata;
  if (type === TYPES.deployment) {
    const hash = workload.metadata.labels?.[STABLE_REVISION] ?? stringAt(sub, 'stableRevision');
    const set = setsOf(workload, objects).find(({ metadata }) => metadata.labels?.[POD_TEMPLATE_HASH] === hash);
    if (set === undefined) return undefined;
    const template = withoutHashLabel(at(set, 'spec', 'template'));
    return { revision: revisionOf(template), template, workload: name, owner: set };
  }
  const found = previousOf(workload, sub, objects, knownStable);
  if (found === undefined) return undefined;
  const template = templateIn(found);
  return { revision: revisionOf(template), template, workload: name, ...ownPods(workload, hashOf(found)) };
}

function ownPods(workload: KubeObject, hash: string | undefined): Pick<Version, 'owner' | 'label'> {
  return { owner: workload, ...(hash === undefined ? {} : { label: { key: REVISION_HASH, value: hash } }) };
}

const setsOf = (deployment: KubeObject, objects: ObjectSet): readonly KubeObject[] =>
  objects.all(TYPES.replicaSet, deployment.metadata.namespace ?? '').filter((set) => isOwnedBy(set, deployment));

const setOf = (deployment: KubeObject, template: unknown, objects: ObjectSet): KubeObject | undefined =>
  setsOf(deployment, objects)
    .filter((set) => sameJson(withoutHash(at(set, 'spec', 'template')), withoutHash(template)))
    .toSorted(byAge)[0];

const newestSetOf = (deployment: KubeObject, objects: ObjectSet): KubeObject | undefined =>
  setsOf(deployment, objects).toSorted(byAge).at(-1);

const createdMs = (object: KubeObject): number => timeAt(object, 'metadata', 'creationTimestamp') ?? 0;
const byAge = (a: KubeObject, b: KubeObject): number => createdMs(a) - createdMs(b);

/** The newest that is not on its way out and has the containers of this template; labels and annotations may be added to it. */
function canaryDeploymentOf(workload: KubeObject, objects: ObjectSet): KubeObject | undefined {
  return objects
    .all(TYPES.deployment, workload.metadata.namespace ?? '')
    .filter(
      ({ metadata, ...rest }) =>
        metadata.labels?.[CANARY_OF] === workload.metadata.name &&
        metadata.deletionTimestamp === undefined &&
        sameJson(at(rest, 'spec', 'template', 'spec'), at(workload, 'spec', 'template', 'spec')),
    )
    .toSorted(byAge)
    .at(-1);
}

/** A ReplicaSet's template but for what its Deployment added: exactly what stood in the Deployment. */
function withoutHashLabel(template: unknown): unknown {
  const { [POD_TEMPLATE_HASH]: _hash, ...labels } = labelsAt(template, 'metadata', 'labels');
  return { ...fieldsAt(template), metadata: { ...fieldsAt(template, 'metadata'), labels } };
}

const revisionsOf = (workload: KubeObject, objects: ObjectSet): readonly KubeObject[] =>
  objects
    .all(TYPES.controllerRevision, workload.metadata.namespace ?? '')
    .filter((each) => isOwnedBy(each, workload))
    .toSorted((a, b) => (numberAt(a, 'revision') ?? 0) - (numberAt(b, 'revision') ?? 0));

/** What pods of a revision are labelled with: its whole name, but only the hash where a DaemonSet owns them. */
const hashOf = ({ metadata }: KubeObject): string | undefined =>
  metadata.ownerReferences?.[0]?.kind === 'DaemonSet' ? metadata.labels?.[REVISION_HASH] : metadata.name;

/** What pods of the newest template are labelled with. Until its controller has seen that, status and revisions speak of the one before. */
function updateOf(workload: KubeObject, revision: string, objects: ObjectSet): string | undefined {
  const revisions = revisionsOf(workload, objects);
  const own = revisions.findLast((each) => revisionOf(templateIn(each)) === revision);
  if (own !== undefined) return hashOf(own);
  if (isBehind(workload)) return undefined;
  const newest = revisions.at(-1);
  return stringAt(workload, 'status', 'updateRevision') ?? (newest === undefined ? undefined : hashOf(newest));
}

const isBehind = ({ metadata, ...rest }: KubeObject): boolean =>
  (numberAt(rest, 'status', 'observedGeneration') ?? Number.POSITIVE_INFINITY) < (metadata.generation ?? 0);

function templateIn(revision: KubeObject): unknown {
  const { $patch: _patch, ...template } = fieldsAt(revision, 'data', 'spec', 'template');
  return template;
}

/**
 * The revision before the newest, by the names in the workload's status. A DaemonSet has none there, and its Rollout takes the last but
 * one for stable, also when that one was given up for the newest; so what was stable at the last look comes first.
 */
function previousOf(
  workload: KubeObject,
  sub: unknown,
  objects: ObjectSet,
  knownStable: string | undefined,
): KubeObject | undefined {
  const revisions = revisionsOf(workload, objects);
  const current = stringAt(workload, 'status', 'currentRevision');
  if (current !== undefined) return revisions.find(({ metadata }) => metadata.name === current);
  const known = revisions.findLast((each) => revisionOf(templateIn(each)) === knownStable);
  const theirs = stringAt(sub, 'stableRevision') ?? '';
  return known ?? revisions.find((each) => hashOf(each) === theirs) ?? revisions.at(-2);
}

/**
 * Which changes of an object can change what a reconcile decides. Status-only writes of Releases are our own echoes
 * (contracts 10) and must not wake us again; heartbeats of pods and Deployments neither.
 */
import { ANNOTATIONS, type KubeObject } from '../api/meta.ts';
import type { CacheEvent } from '../kube/cache.ts';

/** Answers whether Releases that refer to the object have to be looked at. Unknown kinds always matter. */
export function isRelevantChange(event: CacheEvent, object: KubeObject, previous: KubeObject | undefined): boolean {
  if (event !== 'modified' || previous === undefined) return true;
  if (object.metadata.uid !== previous.metadata.uid) return true;
  if (object.metadata.deletionTimestamp !== previous.metadata.deletionTimestamp) return true;
  const aspect = aspects[object.kind] ?? everything;
  return !isEqual(aspect(object), aspect(previous));
}

type Aspect = (object: KubeObject) => unknown;

/** The parts that decide, by kind. */
const aspects: Readonly<Record<string, Aspect>> = {
  Release: ({ metadata }) => [
    metadata.generation,
    metadata.finalizers,
    metadata.labels,
    metadata.annotations?.[ANNOTATIONS.request],
    metadata.annotations?.[ANNOTATIONS.abort],
    metadata.annotations?.[ANNOTATIONS.actor],
  ],
  // Verdicts change with every interval in their numbers; only who is judged and what comes of it wakes a release.
  AnalysisRun: (object) => {
    const status = fields(object['status']);
    const verdict = fields(status['verdict']);
    const identity = ['outcome', 'revision', 'attempt', 'step', 'weight', 'reason', 'blindSinceMs'] as const;
    return [object.metadata.generation, status['phase'], identity.map((key) => verdict[key])];
  },
  Deployment: (object) => {
    const status = fields(object['status']);
    const counts = ['observedGeneration', 'replicas', 'updatedReplicas', 'readyReplicas', 'availableReplicas'] as const;
    return [
      object.metadata.generation,
      object.metadata.annotations,
      object.metadata.labels,
      counts.map((k) => status[k]),
    ];
  },
  Pod: (object) => {
    const status = fields(object['status']);
    const conditions = list(status['conditions']).map((each) => [fields(each)['type'], fields(each)['status']]);
    const containers = list(status['containerStatuses']).map((each) => {
      const container = fields(each);
      const waiting = fields(fields(container['state'])['waiting']);
      return [container['name'], container['ready'], container['restartCount'], waiting['reason']];
    });
    return [object.metadata.labels, status['phase'], status['podIP'], conditions, containers];
  },
  // Field managers and status change without the routes changing.
  VirtualService: specOnly,
  DestinationRule: specOnly,
  AnalysisTemplate: specOnly,
  ClusterAnalysisTemplate: specOnly,
  MetricQuery: specOnly,
  HorizontalPodAutoscaler: (object) => [fields(fields(object['spec'])['scaleTargetRef']), object.metadata.generation],
};

function specOnly(object: KubeObject): unknown {
  return [object['spec'], object.metadata.labels, object.metadata.annotations];
}

const everything: Aspect = (object) => object.metadata.resourceVersion ?? object;

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Aspects are small JSON values that come from one decoder, so equal ones print equally. */
function isEqual(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

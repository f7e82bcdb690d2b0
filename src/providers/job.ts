/**
 * A Kubernetes Job as a provider (metricproviders/job/job.go): it succeeds or fails as its Job does. The name follows from run, metric and
 * number of the measurement, so that one Job is made however often it is tried; it belongs to the run and goes with it.
 */
import { type Fields, fieldsAt, labelsAt, listAt, stringAt } from '../api/fields.ts';
import { API_VERSION, FIELD_MANAGERS, type KubeObject, type ObjectRef, TYPES } from '../api/meta.ts';
import type { Clock } from '../clock.ts';
import { messageOf, SerinError } from '../errors.ts';
import type { KubeClient } from '../kube/port.ts';
import type { MeasureRequest, Provider, Reading } from './port.ts';

const LONGEST_NAME = 63;
const NAME = 'job-name';
const NAMESPACE = 'job-namespace';
const UID_LABEL = 'analysisrun.serin.dev/uid';
const RUN_NAME = 'analysisrun.serin.dev/name';
const METRIC = 'analysisrun.serin.dev/metric-name';
/** What a pod waits for in vain: a person has to look (Argo: terminalWaitingReasons). */
const STUCK: ReadonlySet<string> = new Set(['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName']);
const LONGEST_WAIT_MS = 60_000;

export interface JobProviderDeps {
  readonly kube: Pick<KubeClient, 'get' | 'list' | 'create' | 'delete'>;
  readonly clock: Pick<Clock, 'nowMs'>;
}

export function createJobProvider({ kube, clock }: JobProviderDeps): Provider {
  const refOf = (metadata: Readonly<Record<string, string>>): ObjectRef => ({
    type: TYPES.job,
    namespace: metadata[NAMESPACE] ?? '',
    name: metadata[NAME] ?? '',
  });

  return {
    measure: (request, signal) =>
      orError(signal, async () => {
        const job = jobOf(request);
        const { name } = job.metadata;
        const ref = { type: TYPES.job, namespace: request.run.namespace, name };
        try {
          await kube.create(job, FIELD_MANAGERS.children, signal);
        } catch (thrown) {
          if (!(thrown instanceof SerinError) || thrown.code !== 'SERIN_E_CONFLICT') throw thrown;
          const found = await kube.get(ref, signal);
          const isOwn =
            found?.metadata.ownerReferences?.some(({ uid }) => uid === request.run.uid) === true &&
            found.metadata.annotations?.[METRIC] === request.metric;
          if (!isOwn) return failed(`Job ${name} is there already and belongs to somebody else. Delete it.`);
        }
        const metadata = { [NAME]: name, [NAMESPACE]: request.run.namespace };
        return { kind: 'underWay', metadata, resumeAtMs: clock.nowMs() };
      }),

    resume: (_request, metadata, startedAtMs, signal) =>
      orError(signal, async () => {
        const ref = refOf(metadata);
        const job = ref.name === '' ? undefined : await kube.get(ref, signal);
        if (job === undefined) return failed(`Job ${ref.name} does not exist any more.`);
        const ended = listAt(job, 'status', 'conditions').find(
          (one) => ['Complete', 'Failed'].includes(stringAt(one, 'type') ?? '') && stringAt(one, 'status') === 'True',
        );
        if (ended !== undefined) {
          const phase = stringAt(ended, 'type') === 'Complete' ? 'Successful' : 'Failed';
          const message = phase === 'Failed' ? (stringAt(ended, 'message') ?? '') : '';
          return { kind: 'phase', phase, metadata, ...(message === '' ? {} : { message }) };
        }
        const stuck = await stuckPod(kube, ref, signal);
        if (stuck !== undefined) return { kind: 'phase', phase: 'Inconclusive', message: stuck, metadata };
        const nowMs = clock.nowMs();
        // Argo's growing pause: 10 s after 50 s, a minute after half an hour.
        const waitMs = Math.sqrt((2 * Math.max(0, nowMs - startedAtMs)) / 1000) * 1000;
        return { kind: 'underWay', metadata, resumeAtMs: nowMs + Math.min(LONGEST_WAIT_MS, Math.max(500, waitMs)) };
      }),

    terminate: (_request, metadata, signal) =>
      orError(signal, async () => {
        const ref = refOf(metadata);
        if (ref.name !== '') await kube.delete(ref, {}, signal);
        return { kind: 'phase', phase: 'Inconclusive', metadata };
      }),
  };
}

const failed = (message: string): Reading => ({ kind: 'error', message });

async function orError(signal: AbortSignal, work: () => Promise<Reading>): Promise<Reading> {
  try {
    return await work();
  } catch (thrown) {
    signal.throwIfAborted();
    return failed(messageOf(thrown));
  }
}

function jobOf({ run, metric, number, settings }: MeasureRequest): KubeObject {
  const spec = fieldsAt(settings, 'spec');
  const template = fieldsAt(spec, 'template');
  const metadata = fieldsAt(settings, 'metadata');
  const own = { [UID_LABEL]: run.uid };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobNameOf(run.uid, metric, number),
      namespace: run.namespace,
      labels: { ...labelsAt(metadata, 'labels'), ...own, 'app.kubernetes.io/managed-by': 'serin' },
      annotations: { ...labelsAt(metadata, 'annotations'), [RUN_NAME]: run.name, [METRIC]: metric },
      ownerReferences: [
        {
          apiVersion: API_VERSION,
          kind: TYPES.analysisRun.kind,
          name: run.name,
          uid: run.uid,
          controller: true,
        },
      ],
    },
    spec: { ...spec, template: { ...template, metadata: withLabels(fieldsAt(template, 'metadata'), own) } },
  };
}

const withLabels = (metadata: Fields, labels: Readonly<Record<string, string>>): Fields => ({
  ...metadata,
  labels: { ...labelsAt(metadata, 'labels'), ...labels },
});

/** As Argo's `<uid>.<metric>.<number>`; a name that does not fit, or is none of Kubernetes', is told apart by a hash. */
function jobNameOf(uid: string, metric: string, number: number): string {
  const whole = `${uid}.${metric}.${number}`;
  if (whole.length <= LONGEST_NAME && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(whole)) return whole;
  const hash = fnv(metric).toString(36);
  const room = LONGEST_NAME - `${uid}..${number}`.length - hash.length - 1;
  const words = metric
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, Math.max(0, room));
  return `${uid}.${words.replace(/-$/, '')}${words === '' ? '' : '-'}${hash}.${number}`;
}

/** FNV-1a, 32 bits. */
function fnv(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

async function stuckPod(
  kube: JobProviderDeps['kube'],
  { namespace = '', name }: ObjectRef,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { items } = await kube.list(TYPES.pod, { namespace, labelSelector: `job-name=${name}` }, signal);
  for (const pod of items) {
    const containers = [
      ...listAt(pod, 'status', 'initContainerStatuses'),
      ...listAt(pod, 'status', 'containerStatuses'),
    ];
    for (const container of containers) {
      const reason = stringAt(container, 'state', 'waiting', 'reason') ?? '';
      if (!STUCK.has(reason)) continue;
      const said = stringAt(container, 'state', 'waiting', 'message') ?? '';
      return `Pod ${pod.metadata.name}, container ${stringAt(container, 'name') ?? ''} has terminal error (${reason}): ${said}`;
    }
  }
  return undefined;
}

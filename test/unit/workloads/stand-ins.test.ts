/** The stand-ins of rollout controllers against recordings of the real ones: the same courses, the same patches accepted and refused. */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { at, listAt, numberAt, stringAt } from '../../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { service, virtualService } from '../../support/objects.ts';
import { type Recording, recordingOf } from '../../support/recorded-rollout.ts';
import { type HashOf, lookAtRollouts } from '../../support/stand-ins/argo.ts';
import { besideRecording, pausesOf, type StandIn } from '../../support/stand-ins/beside-recording.ts';
import { lookAtKruise, restingHash, throughWebhook, WORKLOADS } from '../../support/stand-ins/kruise.ts';

/** What the stand-ins do not do, by recording. */
const LEFT_OUT: Readonly<Record<string, readonly string[]>> = {
  'argo-rollouts': [
    // Its own analysis.
    'own-analysis-fails',
    'own-analysis-undecided',
    // Pods that crash; a spec that it refuses; steps that are edited on the way.
    'broken-pods',
    'invalid-on-the-way',
    'steps-edited',
    // Options: a stable side that shrinks, a window for going back.
    'dynamic-stable-scale',
    'rollback-window',
    // The canary's pods were gone when it was tried again.
    'retry-by-itself',
    // Too short, or the Rollout goes away.
    'release-deleted',
    'rollout-deleted',
  ],
  'kruise-rollouts': [
    // Other kinds of workloads.
    'daemon-set',
    'daemon-set-abort',
    'daemon-set-superseding',
    'stateful-set',
    'stateful-set-abort',
    'stateful-set-back-in-batches',
    'advanced-daemon-set',
    'advanced-daemon-set-abort',
    'advanced-daemon-set-superseding',
    'advanced-stateful-set',
    'advanced-stateful-set-abort',
    'advanced-stateful-set-superseding',
    'clone-set-blue-green',
    'clone-set-blue-green-abort',
    'clone-set-superseding',
    'advanced-stateful-set-in-place-abort',
    'clone-set-in-place',
    'clone-set-in-place-again',
    'clone-set-in-place-abort',
    // A newer version on the way; steps that are edited.
    'on-abort-pause-and-next',
    'partition-superseding',
    'superseding-revision',
    'steps-edited',
    // Its controller or its webhook is down; it is disabled, or goes away.
    'abort-while-down',
    'disabled',
    'rollout-deleted',
    'workload-deleted',
  ],
};

const recordingsOf = (controller: string): readonly string[] =>
  readdirSync(new URL(`../../support/fixtures/${controller}`, import.meta.url))
    .map((file) => file.replace('.jsonl', ''))
    .filter((scenario) => LEFT_OUT[controller]?.includes(scenario) !== true);

/** Names templates as the recording does: the first version that is seen by the first name. */
function recordedHashes(scenario: string): HashOf {
  const names: string[] = [];
  for (const { object } of recordingOf('argo-rollouts', scenario).entries) {
    const name = stringAt(object, 'status', 'currentPodHash');
    if (object?.kind === 'Rollout' && name !== undefined && !names.includes(name)) names.push(name);
  }
  const templates: string[] = [];
  return (template) => {
    const text = String(at(template, 'metadata', 'annotations', 'sandbox.serin.dev/version'));
    if (!templates.includes(text)) templates.push(text);
    return names[templates.indexOf(text)] ?? text;
  };
}

const argo = (scenario: string): StandIn => {
  const hashOf = recordedHashes(scenario);
  const routes = ['web-stable', 'web-canary'].map((host) => ({ destination: { host } }));
  return {
    types: { Rollout: TYPES.argoRollout, Deployment: TYPES.deployment },
    rollout: TYPES.argoRollout,
    look: (kube, namespace, nowMs) => lookAtRollouts({ kube, namespace, nowMs }, hashOf),
    beside: [
      service('web-stable', { app: 'web' }),
      service('web-canary', { app: 'web' }),
      virtualService([{ name: 'main', route: routes }]),
    ],
    own: [/pauseConditions$/, /generation$/],
    lineOf: (rollout) => {
      const status = rollout['status'];
      const isOne = at(status, 'stableRS') === at(status, 'currentPodHash');
      const marks = ['controllerPause', 'abort', 'promoteFull'].flatMap((mark) =>
        at(status, mark) === undefined ? [] : `${mark}:${at(status, mark) === true}`,
      );
      return [
        at(status, 'phase'),
        `at ${numberAt(status, 'currentStepIndex') ?? 'no step'}`,
        `${numberAt(status, 'canary', 'weights', 'canary', 'weight') ?? 'no'} %`,
        isOne ? 'one revision' : 'two revisions',
        pausesOf(rollout),
        at(status, 'abortedAt') === undefined ? '' : 'aborted',
        at(status, 'blueGreen', 'activeSelector') === at(status, 'stableRS') ? 'active is stable' : '',
        ...marks,
      ]
        .filter((part) => part !== '')
        .join(', ');
    },
  };
};

/** A Deployment that holds the template was not recorded, but its ReplicaSets were: one for each template. */
function withDeployment(recording: Recording): readonly [Recording, ...KubeObject[]] {
  const sets = recording.entries.filter(({ object }) => object?.metadata.ownerReferences?.[0]?.kind === 'Deployment');
  const [before, after] = sets.map(({ object }) => at(object, 'spec', 'template'));
  if (before === undefined) return [recording];
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { replicas: 0, template: before },
  };
  const entries = recording.entries.flatMap((entry) => {
    const operations = [{ op: 'replace' as const, path: '/spec/template', value: after }];
    const patch = { by: 'person' as const, target: 'Deployment web', operations };
    return entry === sets[1] ? [{ t: entry.t, patch }, entry] : [entry];
  });
  return [{ ...recording, entries }, deployment];
}

describe('the stand-in for Argo Rollouts goes the recorded way', () => {
  test.each(recordingsOf('argo-rollouts'))('%s', async (scenario) => {
    const [recording, ...more] = withDeployment(recordingOf('argo-rollouts', scenario));
    const standIn = argo(scenario);
    const { recorded, course, otherwise } = await besideRecording(
      { ...standIn, beside: [...standIn.beside, ...more] },
      recording,
    );
    expect(recorded.length).toBeGreaterThan(4);
    expect(otherwise).toEqual([]);
    expect(course.join('\n')).toBe(recorded.join('\n'));
  });
});

const kruise: StandIn = {
  types: { Rollout: TYPES.kruiseRollout, ...WORKLOADS },
  rollout: TYPES.kruiseRollout,
  look: (kube, namespace, nowMs) => lookAtKruise({ kube, namespace, nowMs }),
  admit: async (kube, before, next) =>
    WORKLOADS[next.kind] !== undefined
      ? throughWebhook(before, next, await restingHash({ kube, namespace: 'shop' }, before))
      : next,
  beside: [service('web', { app: 'web' })],
  own: [/Status\/(observed|stable|canary|updated|podTemplate|lastUpdate)/, /generation$/, /uid$/, /^\/spec\/template$/],
  lineOf: (rollout) => {
    const status = rollout['status'];
    const sub = at(status, 'canaryStatus') ?? at(status, 'blueGreenStatus');
    const steps = ['currentStepIndex', 'nextStepIndex'].map((field) => numberAt(sub, field));
    return [
      at(status, 'phase'),
      stringAt(listAt(status, 'conditions')[0], 'reason') ?? '',
      `${steps[0]} then ${steps[1]}`,
      at(sub, 'currentStepState'),
      at(sub, 'finalisingStep'),
    ]
      .filter((part) => part !== '')
      .join(', ');
  },
};

describe('the stand-in for Kruise Rollouts goes the recorded way', () => {
  test.each(recordingsOf('kruise-rollouts'))('%s', async (scenario) => {
    const { recorded, course, otherwise } = await besideRecording(kruise, recordingOf('kruise-rollouts', scenario));
    expect(recorded.length).toBeGreaterThan(4);
    expect(otherwise).toEqual([]);
    expect(course.join('\n')).toBe(recorded.join('\n'));
  });
});

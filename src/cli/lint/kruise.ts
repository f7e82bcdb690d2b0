/** Rollouts of OpenKruise that stand in the same files as their Release: what its controller does otherwise than it reads. */
import { fieldsAt, listAt, numberAt, stringAt } from '../../api/fields.ts';
import { type Check, groupOf, type LintContext } from './context.ts';
import { finding, type LintFinding } from './finding.ts';
import type { SourceObject } from './source.ts';

const GROUP = 'rollouts.kruise.io';

export const checkKruiseRollout: Check = (object, context) => {
  if (object.kind !== 'Rollout' || groupOf(object.apiVersion) !== GROUP) return [];
  return (['canary', 'blueGreen'] as const).flatMap((style) => [
    ...deadReference(object, style),
    ...timedPauses(object, style, context),
    ...lastStep(object, style),
  ]);
};

function deadReference(object: SourceObject, style: string): readonly LintFinding[] {
  const name = stringAt(object.value, 'spec', 'strategy', style, 'trafficRoutingRef');
  if (name === undefined || groupVersion(object) === 'v1alpha1') return [];
  const message = `spec.strategy.${style}.trafficRoutingRef is read by nobody, so TrafficRouting ${name} would not be followed. Write the annotation rollouts.kruise.io/trafficrouting: ${name} instead.`;
  return [finding('kruise-rollout', object.place(['spec', 'strategy', style, 'trafficRoutingRef']), message)];
}

const groupVersion = ({ apiVersion }: SourceObject): string => apiVersion.split('/')[1] ?? '';

/** Only where a Release would judge there. */
function timedPauses(object: SourceObject, style: string, { objects }: LintContext): readonly LintFinding[] {
  const release = objects.find(
    ({ kind, value }) =>
      kind === 'Release' &&
      stringAt(value, 'spec', 'workload', 'kruiseRollout', 'name') === object.name &&
      fieldsAt(value, 'spec')['analysis'] !== undefined,
  );
  const kruise = fieldsAt(release?.value, 'spec', 'workload', 'kruiseRollout');
  if (release === undefined || kruise['holdTimedPauses'] === true) return [];
  return listAt(object.value, 'spec', 'strategy', style, 'steps').flatMap((step, index) => {
    const seconds = numberAt(step, 'pause', 'duration');
    if (seconds === undefined) return [];
    const message = `Step ${index + 1} goes on after ${seconds} s whatever Release ${release.name} measures. Write pause: {}, or holdTimedPauses: true in the Release.`;
    return [
      finding(
        'kruise-rollout',
        object.place(['spec', 'strategy', style, 'steps', index, 'pause', 'duration']),
        message,
      ),
    ];
  });
}

function lastStep(object: SourceObject, style: string): readonly LintFinding[] {
  const steps = listAt(object.value, 'spec', 'strategy', style, 'steps');
  const last = steps.at(-1);
  const isGated = fieldsAt(last)['pause'] !== undefined && numberAt(last, 'pause', 'duration') === undefined;
  if (style !== 'canary' || stringAt(last, 'replicas') !== '100%' || !isGated) return [];
  const message = `The last step has replicas: 100%, so its pause is left at once. Take the pause away, or end with fewer pods.`;
  return [
    finding('kruise-rollout', object.place(['spec', 'strategy', style, 'steps', steps.length - 1, 'pause']), message),
  ];
}

/**
 * The admission policy that holds new templates in the very request that brings them: no webhook server, no gap, also while Serin is
 * down (Kubernetes ≥ 1.36, MutatingAdmissionPolicy v1). It watches Deployments with Serin's label, and only Serin ends their pause.
 */
import { FIELD_MANAGERS, type KubeObject } from '../../api/meta.ts';
import { HELD_ANNOTATION, HOLD_ANNOTATION, RELEASE_LABEL } from './marks.ts';

const NAME = 'serin-hold';
const API_VERSION = 'admissionregistration.k8s.io/v1';

/** In CEL, `optional` values read fields that may be missing. */
const paused = (object: string): string => `${object}.spec.?paused.orValue(false)`;
const labels = (object: string): string => `${object}.metadata.?labels.orValue({})`;
const label = (object: string): string => `${labels(object)}[?'${RELEASE_LABEL}'].orValue('')`;
const isNewTemplate = 'object.spec.template != oldObject.spec.template';
/** Deployments that the policy does not hold still get the mark by which Serin knows that there is a policy. */
const isUnmarked = `${label('object')} != '' && !('${HOLD_ANNOTATION}' in object.metadata.?annotations.orValue({}))`;

/** The policy and its binding. The field manager is a courtesy between tools, no security boundary: whoever may patch may also roll. */
export function holdPolicy(): readonly KubeObject[] {
  const policy: KubeObject = {
    apiVersion: API_VERSION,
    kind: 'MutatingAdmissionPolicy',
    metadata: { name: NAME },
    spec: {
      // Should it fail to be evaluated, changes still go through, and Serin pauses the Deployment itself.
      failurePolicy: 'Ignore',
      reinvocationPolicy: 'IfNeeded',
      matchConstraints: {
        matchPolicy: 'Equivalent',
        objectSelector: { matchExpressions: [{ key: RELEASE_LABEL, operator: 'Exists' }] },
        resourceRules: [
          { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['deployments'] },
        ],
      },
      matchConditions: [
        {
          name: 'there-is-something-to-do',
          expression: `(${isUnmarked}) || ${isNewTemplate} || ${paused('oldObject')} != ${paused('object')}`,
        },
      ],
      variables: [
        { name: 'isSerin', expression: `request.options.?fieldManager.orValue('') == '${FIELD_MANAGERS.workload}'` },
        // A new template of a Deployment that rolls freely; a person's own pause stays theirs.
        { name: 'isNew', expression: `${isNewTemplate} && !${paused('oldObject')}` },
        // A pause that ends, a manifest that says `paused: false`, a replacement that leaves it out: Serin decides when it rolls.
        { name: 'isEnded', expression: `${paused('oldObject')} && !${paused('object')}` },
        { name: 'release', expression: `${label('oldObject')} != '' ? ${label('oldObject')} : ${label('object')}` },
        { name: 'isHeld', expression: '!variables.isSerin && (variables.isNew || variables.isEnded)' },
        // Serin takes its label and its marks off together.
        { name: 'isMarked', expression: `${label('object')} != ''` },
      ],
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression: [
              'variables.isHeld',
              `? Object{metadata: Object.metadata{annotations: {'${HOLD_ANNOTATION}': 'policy', '${HELD_ANNOTATION}': variables.release}}, spec: Object.spec{paused: true}}`,
              `: (variables.isMarked ? Object{metadata: Object.metadata{annotations: {'${HOLD_ANNOTATION}': 'policy'}}} : Object{})`,
            ].join('\n'),
          },
        },
      ],
    },
  };
  const binding: KubeObject = {
    apiVersion: API_VERSION,
    kind: 'MutatingAdmissionPolicyBinding',
    metadata: { name: NAME },
    spec: { policyName: NAME },
  };
  return [policy, binding];
}

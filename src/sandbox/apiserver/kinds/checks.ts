/** Rules of the built-in kinds that a mistake in a template or a chart is likely to break. Everything else is accepted. */
import type { FieldCause } from '../failure.ts';
import { equalJson, isObject, type Json, listAt, numberAt, objectAt, textAt, textMap, valueAt } from '../json.ts';
import type { StoredObject } from '../object.ts';
import { duplicateValue, forbiddenField, invalidValue, required, unsupportedValue } from './causes.ts';
import { checkDefinition } from './definition-check.ts';
import { checkLabels, immutable } from './metadata-check.ts';

type Check = (object: StoredObject, before: StoredObject | undefined) => FieldCause[];

const SELECTOR_MISMATCH = '`selector` does not match template `labels`';
const EMPTY_SELECTOR = 'empty selector is invalid for deployment';
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const MUST_NOT_BE_NEGATIVE = 'must be greater than or equal to 0';

function checkContainers(spec: Json | undefined, field: string): FieldCause[] {
  const containers = listAt(spec, 'containers');
  if (containers.length === 0) return [required(`${field}.containers`)];
  const names = new Set<string>();
  return containers.flatMap((container, index) => {
    const at = `${field}.containers[${index}]`;
    const name = textAt(container, 'name') ?? '';
    const causes: FieldCause[] = [];
    if (name === '') causes.push(required(`${at}.name`));
    else if (!LABEL.test(name)) causes.push(invalidValue(`${at}.name`, name, LABEL_RULE));
    if ((textAt(container, 'image') ?? '') === '') causes.push(required(`${at}.image`));
    listAt(container, 'ports').forEach((port, position) => {
      causes.push(...checkPort(numberAt(port, 'containerPort'), `${at}.ports[${position}].containerPort`));
    });
    if (name !== '' && names.has(name)) causes.push(duplicateValue(`${at}.name`, name));
    names.add(name);
    return causes;
  });
}

function checkPort(port: number | undefined, field: string): FieldCause[] {
  if (port === undefined || port === 0) return [required(field)];
  return port >= 1 && port <= 65_535 ? [] : [invalidValue(field, port, 'must be between 1 and 65535, inclusive')];
}

function checkReplicas(object: StoredObject): FieldCause[] {
  const replicas = numberAt(object.spec, 'replicas');
  return replicas !== undefined && replicas < 0 ? [invalidValue('spec.replicas', replicas, MUST_NOT_BE_NEGATIVE)] : [];
}

function selects(selector: Json | undefined, labels: Readonly<Record<string, string>>): boolean {
  const equal = Object.entries(textMap(valueAt(selector, 'matchLabels')));
  if (!equal.every(([key, value]) => labels[key] === value)) return false;
  return listAt(selector, 'matchExpressions').every((expression) => {
    const value = labels[textAt(expression, 'key') ?? ''];
    const values = listAt(expression, 'values');
    switch (textAt(expression, 'operator') ?? '') {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}

const workload: Check = (object, before) => {
  const causes = checkReplicas(object);
  const selector = objectAt(object.spec, 'selector');
  const labels = textMap(valueAt(object.spec, 'template', 'metadata', 'labels'));
  const empty =
    selector !== undefined &&
    Object.keys(textMap(selector['matchLabels'])).length === 0 &&
    listAt(selector, 'matchExpressions').length === 0;
  if (selector === undefined) causes.push(required('spec.selector'));
  else if (empty) {
    causes.push(
      invalidValue('spec.selector', selector, EMPTY_SELECTOR.replace('deployment', object.kind.toLowerCase())),
    );
  }
  if (selector === undefined || (!empty && !selects(selector, labels))) {
    const shown = Object.keys(labels).length === 0 ? null : labels;
    causes.push(invalidValue('spec.template.metadata.labels', shown, SELECTOR_MISMATCH));
  }
  causes.push(...checkLabels(labels, 'spec.template.labels'));
  causes.push(...checkContainers(valueAt(object.spec, 'template', 'spec'), 'spec.template.spec'));
  const restart = textAt(object.spec, 'template', 'spec', 'restartPolicy');
  if (restart !== undefined && restart !== 'Always') {
    causes.push(unsupportedValue('spec.template.spec.restartPolicy', restart, ['Always']));
  }
  if (textAt(object.spec, 'strategy', 'type') === 'Recreate' && objectAt(object.spec, 'strategy', 'rollingUpdate')) {
    causes.push(
      forbiddenField('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"),
    );
  }
  if (before !== undefined) {
    causes.push(...immutable('spec.selector', valueAt(object.spec, 'selector'), valueAt(before.spec, 'selector')));
  }
  return causes;
};

const POD_CHANGES =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

const pod: Check = (object, before) => {
  const causes = checkContainers(object.spec, 'spec');
  if (before !== undefined && !equalJson(fixedPart(object), fixedPart(before))) {
    causes.push(forbiddenField('spec', POD_CHANGES));
  }
  return causes;
};

/** The spec without what may change after creation. */
function fixedPart(object: StoredObject): Json {
  const spec = structuredClone(isObject(object.spec) ? object.spec : {});
  for (const list of ['containers', 'initContainers']) {
    for (const container of listAt(spec, list)) if (isObject(container)) delete container['image'];
  }
  for (const field of ['activeDeadlineSeconds', 'tolerations', 'terminationGracePeriodSeconds', 'schedulingGates']) {
    delete spec[field];
  }
  return spec;
}

const service: Check = (object, before) => {
  const causes: FieldCause[] = [];
  const ports = listAt(object.spec, 'ports');
  const type = textAt(object.spec, 'type');
  const headless = textAt(object.spec, 'clusterIP') === 'None';
  if (ports.length === 0 && type !== 'ExternalName' && !headless) causes.push(required('spec.ports'));
  const names = new Set<string>();
  ports.forEach((port, index) => {
    const at = `spec.ports[${index}]`;
    const name = textAt(port, 'name') ?? '';
    if (name === '' && ports.length > 1) causes.push(required(`${at}.name`));
    else if (name !== '' && names.has(name)) causes.push(duplicateValue(`${at}.name`, name));
    names.add(name);
    const number = numberAt(port, 'port') ?? 0;
    if (number < 1 || number > 65_535) {
      causes.push(invalidValue(`${at}.port`, number, 'must be between 1 and 65535, inclusive'));
    }
    const target = numberAt(port, 'targetPort') ?? (textAt(port, 'targetPort') === undefined ? number : 1);
    if (target < 1 || target > 65_535) {
      causes.push(invalidValue(`${at}.targetPort`, target, 'must be between 1 and 65535, inclusive'));
    }
  });
  const clusterIp = textAt(before?.spec, 'clusterIP');
  if (clusterIp !== undefined && type !== 'ExternalName') {
    const now = textAt(object.spec, 'clusterIP') ?? '';
    if (now !== clusterIp) causes.push(invalidValue('spec.clusterIPs[0]', [now], 'may not change once set'));
  }
  return causes;
};

const DATA_KEY = /^[-._a-zA-Z0-9]+$/;
const DATA_KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

const config: Check = (object, before) => {
  const causes = ['data', 'binaryData'].flatMap((part) =>
    Object.keys((isObject(object[part]) ? object[part] : {}) as Record<string, Json>)
      .filter((key) => !DATA_KEY.test(key))
      .map((key) => invalidValue(`${part}[${key}]`, key, DATA_KEY_RULE)),
  );
  if (before?.['immutable'] === true) {
    if (object['immutable'] !== true)
      causes.push(forbiddenField('immutable', 'field is immutable when `immutable` is set'));
    if (!equalJson(object['data'] as Json, before['data'] as Json)) {
      causes.push(forbiddenField('data', 'field is immutable when `immutable` is set'));
    }
  }
  return causes;
};

const secret: Check = (object, before) => [
  ...config(object, before),
  ...(before === undefined ? [] : immutable('type', object['type'] as Json, before['type'] as Json)),
];

const lease: Check = (object) => {
  const seconds = numberAt(object.spec, 'leaseDurationSeconds');
  return seconds !== undefined && seconds <= 0
    ? [invalidValue('spec.leaseDurationSeconds', seconds, 'must be greater than 0')]
    : [];
};

const autoscaler: Check = (object) => {
  const causes: FieldCause[] = [];
  const most = numberAt(object.spec, 'maxReplicas') ?? 0;
  const least = numberAt(object.spec, 'minReplicas') ?? 1;
  if (most < 1) causes.push(required('spec.maxReplicas', 'must be set and greater than 0'));
  if (most < least) {
    causes.push(invalidValue('spec.maxReplicas', most, 'must be greater than or equal to `minReplicas`'));
  }
  for (const part of ['kind', 'name']) {
    if ((textAt(object.spec, 'scaleTargetRef', part) ?? '') === '')
      causes.push(required(`spec.scaleTargetRef.${part}`));
  }
  const apiVersion = textAt(object.spec, 'scaleTargetRef', 'apiVersion') ?? '';
  if (!apiVersion.includes('/')) {
    causes.push(invalidValue('spec.scaleTargetRef.apiVersion', apiVersion, 'apiVersion must specify API group'));
  }
  return causes;
};

const binding: Check = (object, before) => {
  const causes: FieldCause[] = [];
  if ((textAt(object['roleRef'] as Json, 'name') ?? '') === '') causes.push(required('roleRef.name'));
  if (before !== undefined && !equalJson(object['roleRef'] as Json, before['roleRef'] as Json)) {
    causes.push(invalidValue('roleRef', object['roleRef'] as Json, 'cannot change roleRef'));
  }
  return causes;
};

const event: Check = (object) => {
  const namespace = textAt(object['involvedObject'] as Json, 'namespace') ?? '';
  const own = object.metadata.namespace ?? '';
  if (namespace === own || (namespace === '' && own === 'default')) return [];
  return [invalidValue('involvedObject.namespace', namespace, 'does not match event.namespace')];
};

export const BUILTIN_CHECKS: Readonly<Record<string, Check>> = {
  Deployment: workload,
  ReplicaSet: workload,
  Pod: pod,
  Service: service,
  ConfigMap: config,
  Secret: secret,
  Lease: lease,
  HorizontalPodAutoscaler: autoscaler,
  RoleBinding: binding,
  ClusterRoleBinding: binding,
  Event: event,
  CustomResourceDefinition: checkDefinition,
};

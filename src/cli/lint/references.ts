/** Names of other objects: templates, queries, workloads, routes. What is neither in the files nor in Serin's library is said. */
import { at, listAt, stringAt } from '../../api/fields.ts';
import { GROUP } from '../../api/meta.ts';
import { article } from '../../api/shape.ts';
import { isArgoTemplate } from './argo.ts';
import { type Check, findObject, groupOf, type LintContext } from './context.ts';
import { didYouMean, finding, type LintFinding } from './finding.ts';
import type { Path, SourceObject } from './source.ts';

interface Reference {
  readonly path: Path;
  readonly kind: string;
  readonly group: string;
  readonly name: string;
  readonly namespace?: string | undefined;
}

export const checkReferences: Check = (object, context) =>
  referencesOf(object).flatMap((reference) => look(object, reference, context));

function referencesOf(object: SourceObject): readonly Reference[] {
  const group = groupOf(object.apiVersion);
  if (isArgoTemplate(object)) return composedOf(object, 'templateName', group);
  if (group !== GROUP) return [];
  if (object.kind === 'Release') return releaseReferences(object);
  return [...queryReferences(object), ...composedOf(object, 'templateName', group)];
}

function composedOf(object: SourceObject, field: string, group: string): readonly Reference[] {
  return listAt(object.value, 'spec', 'templates').flatMap((template, index) => {
    const name = stringAt(template, field);
    if (name === undefined) return [];
    return [templateReference(object, ['spec', 'templates', index, field], name, isTrue(template), group)];
  });
}

const isTrue = (template: unknown): boolean =>
  typeof template === 'object' && template !== null && 'clusterScope' in template && template.clusterScope === true;

function templateReference(
  object: SourceObject,
  path: Path,
  name: string,
  isCluster: boolean,
  group: string,
): Reference {
  return {
    path,
    group,
    name,
    kind: isCluster ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate',
    namespace: isCluster ? undefined : object.namespace,
  };
}

function queryReferences({ value }: SourceObject): readonly Reference[] {
  return listAt(value, 'spec', 'metrics').flatMap((metric, index) => {
    const name = stringAt(metric, 'compare', 'query');
    if (name === undefined || name.includes('{{')) return [];
    return [{ path: ['spec', 'metrics', index, 'compare', 'query'], kind: 'MetricQuery', group: GROUP, name }];
  });
}

function releaseReferences(object: SourceObject): readonly Reference[] {
  const { value, namespace } = object;
  const ofSteps = listAt(value, 'spec', 'strategy', 'canary', 'steps').flatMap((step, index) =>
    templatesIn(object, ['spec', 'strategy', 'canary', 'steps', index, 'analysis', 'templates'], step),
  );
  const blueGreen = at(value, 'spec', 'strategy', 'blueGreen');
  const ofSwitch = ['blueGreen', 'recreate'].flatMap((strategy) =>
    ['before', 'after'].flatMap((phase) =>
      templatesIn(object, ['spec', 'strategy', strategy, 'analysis', phase, 'templates'], {
        analysis: at(value, 'spec', 'strategy', strategy, 'analysis', phase),
      }),
    ),
  );
  const templates = [
    ...templatesIn(object, ['spec', 'analysis', 'templates'], at(value, 'spec')),
    ...ofSteps,
    ...ofSwitch,
  ];
  const service = (path: Path, name: string | undefined): readonly Reference[] =>
    name === undefined ? [] : [{ path, kind: 'Service', group: '', name, namespace }];
  const members = listAt(value, 'spec', 'workload', 'pair', 'members').flatMap((name, index) =>
    typeof name === 'string'
      ? [{ path: ['spec', 'workload', 'pair', 'members', index], kind: 'Deployment', group: 'apps', name, namespace }]
      : [],
  );
  const istio = (field: string, kind: string): readonly Reference[] => {
    const name = stringAt(value, 'spec', 'traffic', 'istio', field, 'name');
    return name === undefined
      ? []
      : [{ path: ['spec', 'traffic', 'istio', field, 'name'], kind, group: 'networking.istio.io', name, namespace }];
  };
  return [
    ...templates,
    ...members,
    ...istio('virtualService', 'VirtualService'),
    ...istio('destinationRule', 'DestinationRule'),
    ...service(['spec', 'traffic', 'service', 'name'], stringAt(value, 'spec', 'traffic', 'service', 'name')),
    ...service(['spec', 'strategy', 'blueGreen', 'preview'], stringAt(blueGreen, 'preview')),
  ];
}

/** `holder` has the analysis; `path` is that of its templates. */
function templatesIn(object: SourceObject, path: Path, holder: unknown): readonly Reference[] {
  return listAt(holder, 'analysis', 'templates').flatMap((template, index) => {
    const name = stringAt(template, 'name');
    if (name === undefined) return [];
    const group = stringAt(template, 'group') ?? GROUP;
    return [templateReference(object, [...path, index, 'name'], name, isTrue(template), group)];
  });
}

/** Objects that are hardly ever in one folder with their Release are only looked for where their like is. */
const OFTEN_ELSEWHERE = ['Deployment', 'VirtualService', 'DestinationRule', 'Service'];

function look(object: SourceObject, reference: Reference, context: LintContext): readonly LintFinding[] {
  const { kind, name, path, namespace } = reference;
  if (findObject(context, reference) !== undefined) return route(object, reference, context);
  if (reference.group === GROUP && context.library.has(`${kind}/${name}`)) return [];
  const sameKind = context.objects.filter(
    (other) => other.kind === kind && groupOf(other.apiVersion) === reference.group,
  );
  const names = [...sameKind.map((other) => other.name), ...libraryNames(context, kind)];
  const place = object.place(path);
  const otherScope = scopeTwin(reference, context);
  if (otherScope !== undefined) {
    return [
      finding(
        'reference',
        place,
        `${name} is ${article(otherScope)}, not ${article(kind)}. Write clusterScope: ${String(otherScope.startsWith('Cluster'))} beside it.`,
      ),
    ];
  }
  const elsewhere = sameKind.find((other) => other.name === name);
  if (elsewhere !== undefined) {
    return [
      finding(
        'reference',
        place,
        `${kind} ${name} is in namespace ${elsewhere.namespace ?? 'default'} and this ${object.kind} in ${namespace ?? 'default'}. Put both into one.`,
      ),
    ];
  }
  const hint = didYouMean(name, names);
  if (hint !== '') return [finding('reference', place, `There is no ${kind} ${name}.${hint}`)];
  const isOftenElsewhere = OFTEN_ELSEWHERE.includes(kind) || reference.group === 'argoproj.io';
  if (isOftenElsewhere && sameKind.length === 0) return [];
  return [
    finding(
      'missing-reference',
      place,
      `${kind} ${name} is neither in these files nor in Serin’s library. Lint it together with this file, or correct the name.`,
    ),
  ];
}

function libraryNames({ library }: LintContext, kind: string): readonly string[] {
  return [...library.keys()].filter((key) => key.startsWith(`${kind}/`)).map((key) => key.slice(kind.length + 1));
}

/** A template of the right name and the other scope. */
function scopeTwin(reference: Reference, context: LintContext): string | undefined {
  const { kind, name } = reference;
  if (kind !== 'AnalysisTemplate' && kind !== 'ClusterAnalysisTemplate') return undefined;
  const twin = kind === 'AnalysisTemplate' ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate';
  const isThere =
    context.library.has(`${twin}/${name}`) || findObject(context, { ...reference, kind: twin }) !== undefined;
  return isThere ? twin : undefined;
}

/** Routes of a VirtualService that a Release names. */
function route(object: SourceObject, { kind, path, name }: Reference, context: LintContext): readonly LintFinding[] {
  if (object.kind !== 'Release' || kind !== 'VirtualService') return [];
  const service = findObject(context, { kind, name, group: 'networking.istio.io', namespace: object.namespace });
  const known = listAt(service?.value, 'spec', 'http').map((one) => stringAt(one, 'name'));
  const wanted = listAt(object.value, 'spec', 'traffic', 'istio', 'virtualService', 'routes');
  return wanted.flatMap((one, index) => {
    if (typeof one !== 'string' || known.includes(one)) return [];
    const names = known.filter((other) => other !== undefined);
    const hint =
      didYouMean(one, names) ||
      (names.length === 0
        ? ' None has a name; leave routes out to steer all of them.'
        : ` It has ${names.join(', ')}.`);
    return [
      finding(
        'reference',
        object.place([...path.slice(0, -1), 'routes', index]),
        `VirtualService ${name} has no http route named ${one}.${hint}`,
      ),
    ];
  });
}

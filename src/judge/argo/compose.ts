/**
 * Several templates as one (rollout/analysis.go, utils/analysis/helpers.go): nested ones are added once each, arguments of the same name
 * are one argument, what the Release gives wins, and what no template declares is left out. A ring of templates ends, unlike Argo's.
 */
import { AnalysisTemplateSpec, type Argument } from '../../api/analysis-template.ts';
import type { SecretArgument } from '../../api/measure.ts';
import { type Finding, invalid } from '../../api/meta.ts';
import { shapeFindings } from '../../api/shape.ts';

/** Which template is meant; `group` is argoproj.io for one that is read in place. */
export interface TemplateReference {
  readonly name: string;
  readonly isCluster: boolean;
  readonly group?: string | undefined;
}

export interface ComposedTemplate extends TemplateReference {
  readonly spec: AnalysisTemplateSpec;
}

type Find = (reference: TemplateReference) => AnalysisTemplateSpec | undefined;

const MOST_TEMPLATES = 64;

const kindOf = ({ isCluster, group }: TemplateReference): string => {
  const kind = isCluster ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate';
  return group === undefined ? kind : `${group} ${kind}`;
};

/** `AnalysisTemplate smoke`, as messages begin. */
export const nameOf = (reference: TemplateReference): string => `${kindOf(reference)} ${reference.name}`;

/** Every template once, those of the namespace before those of the cluster. `where` names the list of the references. */
export function composeTemplates(
  references: readonly TemplateReference[],
  find: Find,
  where: string,
): readonly ComposedTemplate[] | Finding {
  const found = new Map<string, ComposedTemplate>();
  const waiting = references.map((reference, index) => ({ reference, where: `${where}[${index}]` }));
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { reference } = next;
    const key = nameOf(reference);
    if (found.has(key)) continue;
    const spec = find(reference);
    if (spec === undefined) return missing(reference, find, next.where);
    const [misshapen] = shapeFindings(AnalysisTemplateSpec, spec, 'spec');
    if (misshapen !== undefined) return { ...misshapen, message: `${nameOf(reference)}: ${misshapen.message}` };
    if (found.size >= MOST_TEMPLATES) {
      return {
        reason: 'InvalidSpec',
        message: `${where} and what they name are more than ${MOST_TEMPLATES} templates. Name fewer.`,
      };
    }
    found.set(key, { ...reference, spec });
    const nested = (spec.templates ?? []).map(({ templateName, clusterScope }, index) => ({
      reference: { name: templateName, isCluster: clusterScope === true, group: reference.group },
      where: `${key}: spec.templates[${index}]`,
    }));
    waiting.unshift(...nested);
  }
  const all = [...found.values()];
  return [...all.filter(({ isCluster }) => !isCluster), ...all.filter(({ isCluster }) => isCluster)];
}

function missing(reference: TemplateReference, find: Find, where: string): Finding {
  const { isCluster, group } = reference;
  const isOther = find({ ...reference, isCluster: !isCluster }) !== undefined;
  const create =
    group === undefined
      ? 'Create it, or correct the name'
      : `Create it, or correct the name; where Argo Rollouts is not installed, apply the template with apiVersion serin.dev/v1alpha1 and leave group out`;
  const fix = isOther ? `Set clusterScope: ${String(!isCluster)}` : create;
  return { reason: 'TemplateNotFound', message: `${where} names ${nameOf(reference)}, which does not exist. ${fix}.` };
}

export interface Arguments {
  /** Name and value, ready to be put in. */
  readonly values: readonly Argument[];
  /** Read when they are used; `{{args.x}}` stays until then. */
  readonly secrets: readonly SecretArgument[];
}

/** `fieldOf` answers what a path into the Release holds, `hashOf` the pod-template-hash of a side. */
export interface ArgumentSources {
  readonly fieldOf: (path: string) => string | undefined;
  readonly hashOf: (which: string) => string | undefined;
}

/** The declared arguments with their values, or the first one that has none or two. */
export function composeArguments(
  templates: readonly ComposedTemplate[],
  given: readonly Argument[],
  sources: ArgumentSources,
): Arguments | Finding {
  const declared = new Map<string, Argument>();
  for (const { spec } of templates) {
    for (const argument of spec.args ?? []) {
      const before = declared.get(argument.name);
      if (before?.value !== undefined && argument.value !== undefined && before.value !== argument.value) {
        return invalid(
          `Argument ${argument.name} is specified by several templates with different values: '${before.value}' and '${argument.value}'. Leave one default, or name them differently.`,
        );
      }
      if (before?.value === undefined) declared.set(argument.name, argument);
    }
  }
  const values: Argument[] = [];
  const secrets: SecretArgument[] = [];
  for (const argument of declared.values()) {
    const own = given.find(({ name }) => name === argument.name);
    const merged = merge(argument, own);
    const resolved = resolve(merged, sources);
    if ('reason' in resolved) return resolved;
    if ('secretKeyRef' in resolved) secrets.push(resolved);
    else values.push(resolved);
  }
  return { values, secrets };
}

/** Argo: a value that is given replaces the value, a source the source; where there is a secret, it wins over a value. */
function merge(argument: Argument, given: Argument | undefined): Argument {
  if (given?.value !== undefined) return { ...argument, value: given.value };
  return given?.valueFrom === undefined ? argument : { ...argument, valueFrom: given.valueFrom };
}

function resolve({ name, value, valueFrom }: Argument, sources: ArgumentSources): Argument | SecretArgument | Finding {
  if (valueFrom?.secretKeyRef !== undefined) return { name, secretKeyRef: valueFrom.secretKeyRef };
  if (value !== undefined) return { name, value };
  if (valueFrom?.fieldRef !== undefined) {
    const { fieldPath } = valueFrom.fieldRef;
    const found = sources.fieldOf(fieldPath);
    if (found !== undefined) return { name, value: found };
    return invalid(
      `args.${name} reads ${fieldPath} of the Release, where there is no single value. Correct fieldPath.`,
    );
  }
  if (valueFrom?.podTemplateHashValue !== undefined) {
    const found = sources.hashOf(valueFrom.podTemplateHashValue);
    if (found !== undefined) return { name, value: found };
    return invalid(
      `args.${name} is the pod-template-hash of ${valueFrom.podTemplateHashValue}, which is not known. Write Stable or Latest.`,
    );
  }
  return invalid(
    `args.${name} was not resolved: it has no value. Give it one in the Release's spec.analysis.args, or a default in the template's spec.args.`,
  );
}

/** Parts of a path: `metadata.labels['app.kubernetes.io/name']`, `spec.steps[0].setWeight`; as Argo, and the downward API for metadata. */
export function fieldAtPath(object: unknown, path: string): string | undefined {
  const keys = path.match(/\['[^']*'\]|\["[^"]*"\]|[^.[\]]+/g) ?? [];
  let here: unknown = object;
  for (const part of keys) {
    const key = part.startsWith('[') ? part.slice(2, -2) : part;
    if (Array.isArray(here)) here = /^\d{1,6}$/.test(key) ? here[Number(key)] : undefined;
    else if (typeof here === 'object' && here !== null && Object.hasOwn(here, key)) here = Reflect.get(here, key);
    else return undefined;
  }
  return typeof here === 'string' || typeof here === 'number' || typeof here === 'boolean' ? String(here) : undefined;
}

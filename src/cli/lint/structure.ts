/** Kinds of Serin: the schema, its CEL rules, the service's own checks, and fields that the server would drop in silence. */
import { openApiSchema } from '../../api/crd.ts';
import { at, fieldsAt, isFields } from '../../api/fields.ts';
import type { KindDefinition } from '../../api/kind.ts';
import { KINDS } from '../../api/kinds.ts';
import { API_VERSION, type Finding, GROUP } from '../../api/meta.ts';
import { shapeFindings } from '../../api/shape.ts';
import { validateQuery } from '../../api/validate-query.ts';
import { validateTemplate } from '../../api/validate-template.ts';
import { validateRelease } from '../../api/validate.ts';
import { checkRules, compileRules, type CompiledRules } from '../../sandbox/apiserver/schema/cel.ts';
import type { Json } from '../../sandbox/apiserver/json.ts';
import type { Schema } from '../../sandbox/apiserver/schema/schema.ts';
import { type Check, groupOf } from './context.ts';
import { didYouMean, finding, type LintFinding, pathIn, pathOf, writtenPath } from './finding.ts';
import type { Path, SourceObject } from './source.ts';

const VALIDATORS: Readonly<Record<string, (spec: unknown) => readonly Finding[]>> = {
  Release: validateRelease,
  AnalysisTemplate: validateTemplate,
  ClusterAnalysisTemplate: validateTemplate,
  MetricQuery: validateQuery,
};

/** apiVersion and kind are ones that this program knows. */
export const checkKind: Check = (object) => {
  const { apiVersion, kind, name, namespace, value } = object;
  if (apiVersion === '') return withoutVersion(object);
  if (groupOf(apiVersion) !== GROUP)
    return misspeltGroup(apiVersion, kind).map((message) => finding('kind', object.place(['apiVersion']), message));
  const definition = KINDS.find(({ type }) => type.kind === kind);
  if (definition === undefined) {
    const known = KINDS.map(({ type }) => type.kind);
    if (kind === '')
      return [finding('kind', object.place(['kind']), `This object has no kind. Write one of ${known.join(', ')}.`)];
    return [
      finding(
        'kind',
        object.place(['kind']),
        `There is no kind ${kind} in ${GROUP}.${didYouMean(kind, known) || ` Write one of ${known.join(', ')}.`}`,
      ),
    ];
  }
  const found: LintFinding[] = [];
  if (apiVersion !== API_VERSION) {
    found.push(
      finding(
        'kind',
        object.place(['apiVersion']),
        `There is no version ${apiVersion.slice(GROUP.length + 1)} of ${kind}. Write ${API_VERSION}.`,
      ),
    );
  }
  if (name === '' && at(value, 'metadata', 'generateName') === undefined) {
    found.push(finding('schema', object.place(['metadata', 'name']), `This ${kind} has no name. Write metadata.name.`));
  } else if (name !== '' && !/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) {
    found.push(
      finding(
        'schema',
        object.place(['metadata', 'name']),
        `metadata.name is ${JSON.stringify(name)}. Use small letters, digits, - and dots.`,
      ),
    );
  }
  if (!definition.type.namespaced && namespace !== undefined) {
    found.push(
      finding(
        'schema',
        object.place(['metadata', 'namespace']),
        `${kind} is cluster-wide, so a namespace means nothing. Leave metadata.namespace out.`,
      ),
    );
  }
  return found;
};

/** No server takes it. Of other kinds nothing is said: they are somebody else's. */
function withoutVersion(object: SourceObject): readonly LintFinding[] {
  if (!KINDS.some(({ type }) => type.kind === object.kind)) return [];
  return [
    finding('kind', object.place(['kind']), `This ${object.kind} has no apiVersion. Write apiVersion: ${API_VERSION}.`),
  ];
}

/** `serin.io/v1alpha1` with one of our kinds is a slip; any other group is somebody else's. */
function misspeltGroup(apiVersion: string, kind: string): readonly string[] {
  const group = groupOf(apiVersion);
  const isOurs = KINDS.some(({ type }) => type.kind === kind);
  if (!isOurs || group === 'argoproj.io' || !/serin/i.test(group)) return [];
  return [`apiVersion is ${apiVersion}. Write ${API_VERSION}.`];
}

/** Fields that the schema does not know: the server keeps none of them, and says so only where it is asked to. */
export const checkUnknownFields: Check = (object) => {
  const definition = definitionOf(object);
  if (definition === undefined) return [];
  const schema = openApiSchema(definition);
  const own = Object.keys(object.value).filter(
    (key) => !['apiVersion', 'kind', 'metadata', 'spec', 'status'].includes(key),
  );
  return [
    ...own.map((key) => unknown(object, [key], ['spec', 'metadata'])),
    ...unknownBelow(object, at(object.value, 'spec'), at(schema, 'properties', 'spec'), ['spec']),
  ];
};

function unknownBelow(object: SourceObject, value: unknown, schema: unknown, path: Path): readonly LintFinding[] {
  if (Array.isArray(value))
    return value.flatMap((item, index) => unknownBelow(object, item, at(schema, 'items'), [...path, index]));
  if (!isFields(value) || at(schema, 'x-kubernetes-preserve-unknown-fields') === true) return [];
  const known = fieldsAt(schema, 'properties');
  const others = at(schema, 'additionalProperties');
  return Object.entries(value).flatMap(([key, item]) => {
    const field = known[key] ?? (isFields(others) ? others : undefined);
    if (field !== undefined) return unknownBelow(object, item, field, [...path, key]);
    return Object.keys(known).length === 0 ? [] : [unknown(object, [...path, key], Object.keys(known))];
  });
}

function unknown(object: SourceObject, path: Path, known: readonly string[]): LintFinding {
  const key = String(path.at(-1));
  const above = path.length === 1 ? object.kind : writtenPath(path.slice(0, -1));
  const hint =
    didYouMean(key, known) || ` It may be ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', …' : ''}.`;
  return finding(
    'unknown-field',
    object.keyPlace(path),
    `${above} has no field ${key}, so the server would drop it in silence.${hint}`,
  );
}

/** What the API server or the service would refuse, once for each place. */
export const checkSchema: Check = (object) => {
  const definition = definitionOf(object);
  if (definition === undefined) return [];
  const { spec } = object.value;
  if (spec === undefined) {
    return [
      finding(
        'schema',
        object.place(['kind']),
        `This ${object.kind} has no spec. Write one; \`kubectl explain ${definition.type.plural}.spec\` says what it may hold.`,
      ),
    ];
  }
  const messages = [...shapeFindings(definition.spec, spec, 'spec'), ...(VALIDATORS[object.kind]?.(spec) ?? [])]
    // The check of arguments says this at each place where one is used.
    .filter(({ message }) => !/which is no argument of this template/.test(message))
    .map(({ message }) => ({ message, path: pathIn(message) }));
  const missing = messages.flatMap(({ message }) => missingIn(message));
  const seen = new Set<string>();
  const add = ({ message, path }: { readonly message: string; readonly path: Path }): readonly LintFinding[] => {
    const place = object.place(path);
    const key = `${place.line}:${place.column}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return [finding(ruleOf(message), place, message)];
  };
  const found = messages.filter(({ path }) => !missing.includes(writtenPath(path))).flatMap(add);
  // CEL rules speak of values of the right shape only; mistakes that the sentences above name are not told twice.
  return found.length > 0 ? found : [...found, ...brokenRules(definition, spec).flatMap(add)];
};

/** What a sentence says is missing, as paths: nothing else is said of that. */
function missingIn(message: string): readonly string[] {
  const [, above = '', names = ''] = /^(\S+) lacks ([^.]+)\. Write it\.$/.exec(message) ?? [];
  return names === '' ? [] : names.split(', ').map((name) => `${above}.${name}`);
}

const ruleOf = (message: string) => (/Declare it in spec\.args/.test(message) ? 'argument' : 'schema');

function brokenRules(
  definition: KindDefinition,
  spec: unknown,
): readonly { readonly message: string; readonly path: Path }[] {
  const schema = at(openApiSchema(definition), 'properties', 'spec') as Schema; // made by this program
  const { rules }: { readonly rules: CompiledRules } = compileRules(schema);
  return checkRules(spec as Json, undefined, schema, rules, 'spec').map(({ field, message }) => ({
    message: `${field}: ${message.replace(/^[A-Z][a-z]+ value: |^Forbidden: /, '')}.`,
    path: pathOf(field),
  }));
}

function definitionOf({ apiVersion, kind }: SourceObject): KindDefinition | undefined {
  return groupOf(apiVersion) === GROUP ? KINDS.find(({ type }) => type.kind === kind) : undefined;
}

/** The reference page: every kind with an example, its fields, its rules; the units; what goes together. */
import { at, fieldsAt, type Fields, isFields, listAt, numberAt, stringAt } from '../fields.ts';
import { combinationTable, ROUTERS, STRATEGIES, WORKLOADS } from '../combinations.ts';
import { openApiSchema } from '../crd.ts';
import type { KindDefinition } from '../kind.ts';
import { units } from '../units.ts';
import { table } from './table.ts';

export function referencePage(kinds: readonly KindDefinition[], notice: string): string {
  return [
    '# API reference',
    `<!-- ${notice} -->`,
    'Group `serin.dev`, version `v1alpha1`. `kubectl explain release.spec --recursive` shows the same on a cluster.',
    '## Units',
    unitsTable(),
    '## What goes together',
    'Without `spec.traffic` the weights are replica counts (`none`). *planned*: designed, refused today.',
    combinations(),
    ...kinds.map(kindSection),
    '',
  ].join('\n\n');
}

function unitsTable(): string {
  const rows = Object.values(units).map((unit) => [
    unit.title,
    unit.written,
    unit.examples.map(({ text, value }) => `\`${text}\` = ${value}`).join(', '),
    unit.inside,
  ]);
  return table(['Quantity', 'Written as', 'Examples', 'Inside'], rows);
}

function combinations(): string {
  const all = combinationTable();
  const notes = new Map<string, number>();
  const cell = (workload: string, strategy: string, router: string): string => {
    const found = all.find((row) => row.workload === workload && row.strategy === strategy && row.router === router);
    if (found?.combination.kind !== 'never') return found?.combination.kind === 'works' ? '**works**' : 'planned';
    const { because } = found.combination;
    const note = notes.get(because) ?? notes.size + 1;
    notes.set(because, note);
    return `no (${note})`;
  };
  const rows = WORKLOADS.flatMap((workload) =>
    STRATEGIES.map((strategy) => [
      `\`${workload}\``,
      `\`${strategy}\``,
      ...ROUTERS.map((router) => cell(workload, strategy, router)),
    ]),
  );
  const body = table(['Workload', 'Strategy', ...ROUTERS.map((router) => `\`${router}\``)], rows);
  return [body, '', ...[...notes].map(([because, note]) => `${note}. ${because}`)].join('\n');
}

function kindSection(kind: KindDefinition): string {
  const schema = openApiSchema(kind);
  const scope = kind.type.namespaced ? 'namespaced' : 'cluster-wide';
  const parts = ['spec', ...(kind.status === undefined ? [] : ['status'])];
  return [
    `## ${kind.type.kind}`,
    `${kind.description} Short name \`${kind.shortNames.join('`, `')}\`; ${scope}.`,
    `\`\`\`yaml\n${kind.example.trimEnd()}\n\`\`\``,
    ...parts.flatMap((part) => [
      `### ${kind.type.kind}: ${part}`,
      table(['Field', 'Type', 'Meaning'], fieldRows(fieldsAt(schema, 'properties', part), part)),
    ]),
    ...ruleList(kind, fieldsAt(schema, 'properties', 'spec')),
  ].join('\n\n');
}

function fieldRows(schema: Fields, path: string): readonly (readonly string[])[] {
  const required = listAt(schema, 'required');
  return Object.entries(fieldsAt(schema, 'properties')).flatMap(([name, field]) => {
    const here = `${path}.${name}`;
    const isRequired = required.includes(name) ? '' : ', optional';
    const row = [`\`${here}\``, `${typeOf(field)}${isRequired}`, meaningOf(field)];
    return [row, ...nestedRows(field, here)];
  });
}

function nestedRows(field: unknown, path: string): readonly (readonly string[])[] {
  const items = at(field, 'items');
  if (isFields(items)) return fieldRows(items, `${path}[]`);
  const values = at(field, 'additionalProperties');
  if (isFields(values)) return fieldRows(values, `${path}.*`);
  return isFields(field) ? fieldRows(field, path) : [];
}

function typeOf(field: unknown): string {
  const words = listAt(field, 'enum');
  if (words.length > 0) return words.map(String).join(' or ');
  if (at(field, 'x-kubernetes-int-or-string') === true) return 'integer or string';
  const type = stringAt(field, 'type');
  if (type === undefined) return 'string or object';
  if (type === 'array') return `list of ${typeOf(at(field, 'items'))}`;
  if (isFields(at(field, 'additionalProperties'))) return `map of ${typeOf(at(field, 'additionalProperties'))}`;
  return stringAt(field, 'format') === 'date-time' ? 'time' : type;
}

function meaningOf(field: unknown): string {
  const standard = at(field, 'default');
  const limits = [
    ...bounds(numberAt(field, 'minimum'), numberAt(field, 'maximum'), ''),
    ...bounds(numberAt(field, 'minItems'), numberAt(field, 'maxItems'), ' items'),
    ...(standard === undefined ? [] : [`default \`${JSON.stringify(standard).replaceAll('"', '')}\``]),
  ];
  const description = stringAt(field, 'description') ?? '';
  return limits.length === 0 ? description : `${description} (${limits.join('; ')})`;
}

function bounds(low: number | undefined, high: number | undefined, what: string): readonly string[] {
  if (low !== undefined && high !== undefined) return [low === high ? `${low}${what}` : `${low} to ${high}${what}`];
  if (high !== undefined) return [`at most ${high}${what}`];
  return low === undefined ? [] : [`at least ${low}${what}`];
}

function ruleList(kind: KindDefinition, spec: Fields): readonly string[] {
  const lines = rulesIn(spec, 'spec').map(({ path, message }) => `- \`${path}\`: ${message}`);
  return lines.length === 0 ? [] : [`### ${kind.type.kind}: what the server refuses`, lines.join('\n')];
}

/** Every CEL rule below a schema, with the path of its node. */
export function rulesIn(
  schema: unknown,
  path: string,
): readonly { readonly path: string; readonly rule: string; readonly message: string }[] {
  const own = listAt(schema, 'x-kubernetes-validations').map((rule) => ({
    path,
    rule: stringAt(rule, 'rule') ?? '',
    message: stringAt(rule, 'message') ?? '',
  }));
  const children = Object.entries(fieldsAt(schema, 'properties')).flatMap(([name, field]) =>
    rulesIn(field, `${path}.${name}`),
  );
  const items = isFields(at(schema, 'items')) ? rulesIn(at(schema, 'items'), `${path}[]`) : [];
  const values = at(schema, 'additionalProperties');
  return [...own, ...children, ...items, ...(isFields(values) ? rulesIn(values, `${path}.*`) : [])];
}

/** Arguments of templates: each that is used is declared, and each that is declared is used. */
import { at, isFields, listAt, stringAt } from '../../api/fields.ts';
import { GROUP } from '../../api/meta.ts';
import { isArgoTemplate } from './argo.ts';
import { type Check, groupOf } from './context.ts';
import { didYouMean, finding, type LintFinding } from './finding.ts';
import type { Path, SourceObject } from './source.ts';

const PLACEHOLDER = /\{\{\s*([^{}]*?)\s*\}\}/g;
const ARGUMENT = /^args\.([a-zA-Z0-9][-\w.]*)$/;

interface Use {
  readonly path: Path;
  readonly from: number;
  readonly to: number;
  readonly written: string;
  /** Absent: it names no argument. */
  readonly name?: string;
}

/** Every `{{…}}` below a value. */
function usesIn(value: unknown, path: Path): readonly Use[] {
  if (typeof value === 'string') {
    return [...value.matchAll(PLACEHOLDER)].map((match) => {
      const name = ARGUMENT.exec(match[1] ?? '')?.[1];
      const use = { path, from: match.index, to: match.index + match[0].length, written: match[0] };
      return name === undefined ? use : { ...use, name };
    });
  }
  if (Array.isArray(value)) return value.flatMap((item, index) => usesIn(item, [...path, index]));
  return isFields(value) ? Object.entries(value).flatMap(([key, item]) => usesIn(item, [...path, key])) : [];
}

export const isTemplate = (object: SourceObject): boolean =>
  isArgoTemplate(object) || (groupOf(object.apiVersion) === GROUP && /^(Cluster)?AnalysisTemplate$/.test(object.kind));

export const checkArguments: Check = (object) => {
  if (!isTemplate(object)) return [];
  const declared = listAt(object.value, 'spec', 'args').map((arg) => stringAt(arg, 'name') ?? '');
  const uses = ['metrics', 'dryRun', 'measurementRetention'].flatMap((field) =>
    usesIn(at(object.value, 'spec', field), ['spec', field]),
  );
  const isComposed = listAt(object.value, 'spec', 'templates').length > 0;
  return [
    ...twice(object, declared),
    ...uses.flatMap((use) => undeclared(object, use, declared)),
    // Arguments of a template that is made of others may be meant for those.
    ...(isComposed ? [] : unused(object, declared, uses)),
  ];
};

function twice(object: SourceObject, declared: readonly string[]): readonly LintFinding[] {
  return declared.flatMap((name, index) =>
    name !== '' && declared.indexOf(name) !== index
      ? [finding('argument', object.place(['spec', 'args', index]), `spec.args has ${name} twice. Declare it once.`)]
      : [],
  );
}

function undeclared(
  object: SourceObject,
  { path, from, to, written, name }: Use,
  declared: readonly string[],
): readonly LintFinding[] {
  const place = object.textPlace(path, from, to);
  if (name === undefined) {
    // Experiments and Jobs have placeholders of their own.
    if (isArgoTemplate(object) && /\{\{\s*(templates|experiment|inputs|workflow)\./.test(written)) return [];
    return [
      finding(
        'argument',
        place,
        `${written} names no argument. Write {{args.name}}${declared.length === 0 ? '' : ` with one of ${declared.join(', ')}`}.`,
      ),
    ];
  }
  if (declared.includes(name)) return [];
  const hint = didYouMean(name, declared) || ` Declare it in spec.args (declared: ${declared.join(', ') || 'none'}).`;
  return [finding('argument', place, `${written} is no argument of this template.${hint}`)];
}

function unused(object: SourceObject, declared: readonly string[], uses: readonly Use[]): readonly LintFinding[] {
  const used = new Set(uses.map(({ name }) => name));
  return declared.flatMap((name, index) =>
    name === '' || used.has(name)
      ? []
      : [
          finding(
            'unused-argument',
            object.place(['spec', 'args', index, 'name']),
            `Nothing uses the argument ${name}. Write {{args.${name}}} where it belongs, or take it away.`,
          ),
        ],
  );
}

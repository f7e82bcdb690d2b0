/** All checks over all files of one call. Pure: text in, findings out, in the order of the files. */
import { sameJson } from '../../api/fields.ts';
import { checkArguments } from './arguments.ts';
import { checkArgoShape, checkProviders } from './argo.ts';
import { checkLimits } from './limits.ts';
import { checkConditions } from './conditions.ts';
import { checkConfigDigest } from './config-digest.ts';
import { type Check, groupOf, type LintContext, type LintOptions } from './context.ts';
import { finding, type LintFinding, pathIn, writtenPath } from './finding.ts';
import { checkKruiseRollout } from './kruise.ts';
import { checkMetricRules } from './metric-rules.ts';
import { checkPromql, checkQueryLabels } from './queries.ts';
import { checkReferences } from './references.ts';
import { checkRelease } from './releases.ts';
import type { Rule } from './rules.ts';
import { readSource, type SourceFile, type SourceObject } from './source.ts';
import { checkKind, checkSchema, checkUnknownFields } from './structure.ts';
import type { Library } from './library.ts';

const CHECKS: readonly Check[] = [
  checkKind,
  checkUnknownFields,
  checkArguments,
  // Before the schema, which knows less of them.
  checkLimits,
  checkSchema,
  checkArgoShape,
  checkProviders,
  checkMetricRules,
  checkPromql,
  checkConditions,
  checkQueryLabels,
  checkReferences,
  checkRelease,
  checkKruiseRollout,
  checkConfigDigest,
];

export interface LintReport {
  readonly files: number;
  readonly objects: number;
  readonly findings: readonly LintFinding[];
}

export interface LintInput {
  readonly files: readonly { readonly file: string; readonly text: string }[];
  readonly library: Library;
  readonly options: LintOptions;
}

export function lint({ files, library, options }: LintInput): LintReport {
  const sources = files.map(({ file, text }) => readSource(file, text));
  const objects = sources.flatMap((source) => source.objects);
  const findings = sources.flatMap((source) => {
    // A name means the object of the same file, where several files have one.
    const others = objects.filter(({ file }) => file !== source.file);
    const context: LintContext = { objects: [...source.objects, ...others], library, options };
    const found = [
      ...source.problems.map(({ place, message }) => finding('yaml', place, message)),
      ...source.objects.flatMap((object) => [
        ...CHECKS.flatMap((check) => check(object, context)),
        ...duplicates(object, objects),
      ]),
    ];
    return sorted(withoutIgnored(found, source));
  });
  return { files: files.length, objects: objects.length, findings: once(findings) };
}

function duplicates(object: SourceObject, objects: readonly SourceObject[]): readonly LintFinding[] {
  if (object.name === '') return [];
  // Files beside each other are often choices (examples, overlays): only what is applied together must be unlike.
  const first = objects.find(
    ({ kind, name, namespace, apiVersion, file }) =>
      file === object.file &&
      kind === object.kind &&
      name === object.name &&
      namespace === object.namespace &&
      groupOf(apiVersion) === groupOf(object.apiVersion),
  );
  // A copy, e.g. of a chart, is no second meaning.
  if (first === undefined || first === object || sameJson(first.value, object.value)) return [];
  const { line } = first.place(['metadata', 'name']);
  return [
    finding(
      'duplicate',
      object.place(['metadata', 'name']),
      `${object.kind} ${object.name} is in line ${line} of this file too, and only one of them can be in the cluster. Rename one, or take it away.`,
    ),
  ];
}

const IGNORE = /#\s*serin-lint:\s*ignore\s+([a-z][-a-z, ]*)/;

/** `# serin-lint: ignore rule, rule` on the line, on the line above it, or (above everything else) for the whole file. */
function withoutIgnored(findings: readonly LintFinding[], { text, file }: SourceFile): readonly LintFinding[] {
  const lines = text.split('\n');
  const ignoredOn = lines.map((line) => rulesIn(line));
  const firstOther = lines.findIndex(
    (line) => line.trim() !== '' && !line.trim().startsWith('#') && line.trim() !== '---',
  );
  const everywhere = new Set(ignoredOn.slice(0, Math.max(0, firstOther)).flat());
  const isIgnored = ({ rule, place }: LintFinding): boolean =>
    place.file === file &&
    (everywhere.has(rule) ||
      (ignoredOn[place.line - 1]?.includes(rule) ?? false) ||
      isAbove(lines, ignoredOn, place.line, rule));
  return findings.filter((one) => !isIgnored(one));
}

function isAbove(
  lines: readonly string[],
  ignoredOn: readonly (readonly string[])[],
  line: number,
  rule: Rule,
): boolean {
  const above = lines[line - 2]?.trim() ?? '';
  return above.startsWith('#') && (ignoredOn[line - 2]?.includes(rule) ?? false);
}

function rulesIn(line: string): readonly string[] {
  const found = IGNORE.exec(line)?.[1];
  return found === undefined ? [] : found.split(/[\s,]+/).filter((rule) => rule !== '');
}

function sorted(findings: readonly LintFinding[]): readonly LintFinding[] {
  return findings.toSorted((a, b) => a.place.line - b.place.line || a.place.column - b.place.column);
}

/** Several checks may see one mistake; the first that says so of a field at its place is enough. */
function once(findings: readonly LintFinding[]): readonly LintFinding[] {
  const seen = new Set<string>();
  return findings.filter(({ place, rule, message }) => {
    const field = writtenPath(pathIn(message));
    const key = `${place.file}:${place.line}:${place.column}:${rule}:${field === '' ? message : field}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/**
 * YAML files as objects that know where each of their fields stands. Several documents, `kind: List`, anchors and merge keys are
 * understood; a place inside a string is found again in the file however the string is quoted or folded.
 */
import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
} from 'yaml';
import { type Fields, isFields, listAt, stringAt } from '../../api/fields.ts';
import { gistOf } from '../../errors.ts';

export type Path = readonly (string | number)[];

/** Lines and columns count from 1; the end is behind the last character. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface YamlProblem {
  readonly place: Place;
  readonly message: string;
}

/** One Kubernetes object of a file. */
export interface SourceObject {
  readonly file: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly value: Fields;
  /** Where the value of a field stands; for a field that is not there, the key above it. */
  place(path: Path): Place;
  /** Where the field's name stands. */
  keyPlace(path: Path): Place;
  /** Where characters `from` to `to` of the string at `path` stand. */
  textPlace(path: Path, from: number, to: number): Place;
}

export interface SourceFile {
  readonly file: string;
  readonly text: string;
  readonly objects: readonly SourceObject[];
  readonly problems: readonly YamlProblem[];
}

/** Never throws: what is no YAML comes back as problems. Documents that are no Kubernetes objects are left out. */
export function readSource(file: string, text: string): SourceFile {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true, logLevel: 'silent' });
  const documents: readonly Document[] = 'empty' in parsed ? [] : parsed;
  const placeOf = placer(file, lines);
  const problems = documents.flatMap((document) =>
    [...document.errors, ...document.warnings].map(({ message, pos }) => ({
      place: placeOf(pos[0], pos[1]),
      message: `${gistOf(message)}. Correct the YAML here.`,
    })),
  );
  const objects = documents
    .filter(({ errors }) => errors.length === 0)
    .flatMap((document) => objectsOf(document, file, text, placeOf));
  return { file, text, objects, problems };
}

type Placer = (from: number, to: number) => Place;

function placer(file: string, lines: LineCounter): Placer {
  return (from, to) => {
    const start = lines.linePos(from);
    const end = lines.linePos(Math.max(from, to));
    return {
      file,
      line: Math.max(1, start.line),
      column: Math.max(1, start.col),
      endLine: Math.max(1, end.line),
      endColumn: Math.max(1, end.col),
    };
  };
}

function objectsOf(document: Document, file: string, text: string, placeOf: Placer): readonly SourceObject[] {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 1000 });
  } catch {
    return []; // an alias to nothing is among the document's errors
  }
  return unlisted(value, []).map(({ object, path }) => sourceObject(document, file, text, placeOf, object, path));
}

function unlisted(value: unknown, path: Path): readonly { readonly object: Fields; readonly path: Path }[] {
  if (!isFields(value) || !looksLikeObject(value)) return [];
  if (value['kind'] !== 'List') return [{ object: value, path }];
  return listAt(value, 'items').flatMap((item, index) => unlisted(item, [...path, 'items', index]));
}

/** One of the two may be forgotten, where the rest says that an object is meant. */
function looksLikeObject({ kind, apiVersion, metadata, spec }: Fields): boolean {
  const said = [kind, apiVersion].filter((text) => typeof text === 'string').length;
  return said === 2 || (said === 1 && (isFields(metadata) || isFields(spec)));
}

function sourceObject(
  document: Document,
  file: string,
  text: string,
  placeOf: Placer,
  value: Fields,
  base: Path,
): SourceObject {
  const namespace = stringAt(value, 'metadata', 'namespace');
  const whole = (): Place => placeOf(document.range?.[0] ?? 0, document.range?.[0] ?? 0);
  const place = (path: Path): Place => {
    const found = nearest(document, [...base, ...path]);
    if (found.node === undefined) return whole();
    const [from, to] = found.isKey ? rangeOf(found.node) : firstLineOf(text, found.node);
    return placeOf(from, to);
  };
  return {
    file,
    apiVersion: stringAt(value, 'apiVersion') ?? '',
    kind: stringAt(value, 'kind') ?? '',
    name: stringAt(value, 'metadata', 'name') ?? '',
    ...(namespace === undefined ? {} : { namespace }),
    value,
    place,
    keyPlace: (path) => {
      const key = keyOf(document, [...base, ...path]);
      if (key === undefined) return place(path);
      const [from, to] = rangeOf(key);
      return placeOf(from, to);
    },
    textPlace: (path, from, to) => {
      const { node, isKey } = nearest(document, [...base, ...path]);
      if (node === undefined || isKey || !isScalar(node) || typeof node.value !== 'string') return place(path);
      const [start, end] = rangeOf(node);
      const offsets = alignment(text.slice(start, end), node.value);
      return placeOf(start + (offsets[from] ?? 0), start + (offsets[Math.max(from, to - 1)] ?? 0) + 1);
    },
  };
}

interface Found {
  readonly node: Node | undefined;
  /** The field itself is not there; `node` is the name of the one above it. */
  readonly isKey: boolean;
}

function nearest(document: Document, path: Path): Found {
  let node: Node | undefined = resolved(document.contents, document);
  let key: Node | undefined;
  for (const step of path) {
    const next: { readonly node: Node | undefined; readonly key: Node | undefined } | undefined = below(
      document,
      node,
      step,
    );
    if (next === undefined) return key === undefined ? { node, isKey: false } : { node: key, isKey: true };
    node = next.node ?? next.key;
    key = next.key ?? key;
  }
  return { node, isKey: false };
}

function keyOf(document: Document, path: Path): Node | undefined {
  let node: Node | undefined = resolved(document.contents, document);
  let key: Node | undefined;
  for (const step of path) {
    const next: { readonly node: Node | undefined; readonly key: Node | undefined } | undefined = below(
      document,
      node,
      step,
    );
    if (next === undefined) return key;
    node = next.node;
    key = next.key;
  }
  return key;
}

function below(document: Document, node: Node | undefined, step: string | number) {
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return item === undefined ? undefined : { node: resolved(item, document), key: undefined };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
  if (pair === undefined) return undefined;
  return { node: resolved(pair.value, document), key: resolved(pair.key, document) };
}

function resolved(node: unknown, document: Document): Node | undefined {
  if (isAlias(node)) return node.resolve(document);
  return isScalar(node) || isCollection(node) ? node : undefined;
}

function rangeOf(node: Node): readonly [number, number] {
  const [from, to] = node.range ?? [0, 0];
  return [from, to];
}

/** A map's or list's own lines would mark half the file. */
function firstLineOf(text: string, node: Node): readonly [number, number] {
  const [from, to] = rangeOf(node);
  const end = text.indexOf('\n', from);
  return [from, end < 0 ? to : Math.min(to, end)];
}

/**
 * For each character of a string its offset in the YAML that holds it. Both are walked side by side: quotes, backslashes, the
 * indentation of block scalars and folded line ends are what only the source has.
 */
export function alignment(source: string, value: string): readonly number[] {
  let at = contentStart(source);
  const offsets: number[] = [];
  for (const character of value) {
    at = skipTo(source, at, character);
    for (let k = 0; k < character.length; k += 1) offsets.push(at);
    at += 1;
  }
  offsets.push(at);
  return offsets;
}

function contentStart(source: string): number {
  if (source.startsWith('"') || source.startsWith("'")) return 1;
  if (!/^[|>]/.test(source)) return 0;
  const newline = source.indexOf('\n');
  return newline < 0 ? 0 : newline + 1;
}

function skipTo(source: string, from: number, character: string): number {
  // A folded line end is a blank in the value, and its own line end in the source.
  const wanted = /\s/.test(character) ? /\s/ : undefined;
  let at = from;
  while (at < source.length) {
    const here = source[at] ?? '';
    if (here === character || character.startsWith(here)) return at;
    if (wanted?.test(here) === true) return at;
    if (!/[\s\\'"]/.test(here)) return at;
    at += 1;
  }
  return Math.min(from, source.length);
}

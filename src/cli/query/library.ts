/** The query library as files: every MetricQuery with what its metadata says about it. */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { stringAt } from '../../api/fields.ts';
import type { Finding } from '../../api/meta.ts';
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import { gistOf, messageOf, SerinError } from '../../errors.ts';
import { packageFile } from '../../package-files.ts';

/** What can be measured, in the order in which people ask. */
export const MEASURES = ['success-rate', 'latency', 'volume', 'saturation'] as const;
export type Measure = (typeof MEASURES)[number];

export interface LibraryQuery {
  readonly name: string;
  readonly measures: Measure;
  /** Project and page that the names of metrics and labels come from. */
  readonly names: string;
  /** Which relabelling makes labels that the source does not bring; a key of `NEEDS`. */
  readonly needs?: string;
  /** The comment above it: when to use it. */
  readonly advice: string;
  readonly spec: MetricQuerySpec;
}

/** The folder that comes with the program. */
export const libraryFolder = (): string => packageFile('queries');

/** What is wrong with a spec, `where` it stands. */
type CheckSpec = (spec: unknown, where: string) => readonly Finding[];

/** All queries of a folder, by name. `check` is for folders of others: the program's own are right, and schemas take long to load. */
export function readLibrary(folder: string, check: CheckSpec = () => []): readonly LibraryQuery[] {
  let files: readonly string[];
  try {
    files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  } catch (thrown) {
    throw new SerinError('SERIN_E_USAGE', `--library ${folder} cannot be read: ${messageOf(thrown)}. Check the path.`);
  }
  return files
    .map((file) => readQueryFile(`${folder}/${file}`, check))
    .toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

/** One of the program's own queries, whose file is called like it. */
export function readOwnQuery(name: string): LibraryQuery {
  return readQueryFile(`${libraryFolder()}/${name}.yaml`, () => []);
}

function readQueryFile(file: string, check: CheckSpec): LibraryQuery {
  const text = readFileSync(file, 'utf8');
  let object: unknown;
  try {
    object = parse(text);
  } catch (thrown) {
    throw new SerinError('SERIN_E_USAGE', `${file} is no YAML: ${gistOf(messageOf(thrown))}. Correct it there.`);
  }
  const name = stringAt(object, 'metadata', 'name');
  if (stringAt(object, 'kind') !== 'MetricQuery' || name === undefined) {
    throw new SerinError('SERIN_E_USAGE', `${file} holds no MetricQuery with a name. Move it elsewhere.`);
  }
  const spec = (object as { readonly spec?: unknown }).spec;
  const [finding] = check(spec, `${file}: spec`);
  if (finding !== undefined) throw new SerinError('SERIN_E_USAGE', finding.message);
  const needs = stringAt(object, 'metadata', 'annotations', 'serin.dev/needs');
  const measures = stringAt(object, 'metadata', 'labels', 'serin.dev/measures');
  return {
    name,
    measures: MEASURES.find((measure) => measure === measures) ?? 'saturation',
    names: stringAt(object, 'metadata', 'annotations', 'serin.dev/names') ?? '',
    ...(needs === undefined ? {} : { needs }),
    advice: adviceOf(text),
    spec: spec as MetricQuerySpec, // just checked, or known to be right
  };
}

/** The comment lines at the top, as one text. */
function adviceOf(text: string): string {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('#'));
  return lines
    .slice(0, end)
    .map((line) => line.replace(/^#\s?/, ''))
    .join(' ');
}

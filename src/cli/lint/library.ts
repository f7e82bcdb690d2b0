/** Serin's own queries and templates. A file is called like the one object in it, so only those that are asked for are read. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { type Fields, isFields } from '../../api/fields.ts';
import { packageFile } from '../../package-files.ts';

/** Specs by `Kind/name`, e.g. `MetricQuery/istio-requests`. */
export interface Library extends Pick<ReadonlyMap<string, Fields>, 'get' | 'has'> {
  /** All of them; those that do not have `word` in them may be left out. To look costs a tenth of reading them. */
  keys(word?: string): Iterable<string>;
}

const FOLDERS = { MetricQuery: 'queries', ClusterAnalysisTemplate: 'analyses' };

/** The library that comes with the program. */
export function openLibrary(): Library {
  const files = new Map(Object.entries(FOLDERS).flatMap(([kind, folder]) => filesOf(kind, packageFile(folder))));
  const specs = new Map<string, Fields | undefined>();
  const read = (key: string): Fields | undefined => {
    const file = files.get(key);
    if (file !== undefined && !specs.has(key)) specs.set(key, readSpec(file));
    return specs.get(key);
  };
  const keys = (word = ''): Iterable<string> => {
    if (word === '') return files.keys();
    return [...files].filter(([, file]) => readFileSync(file, 'utf8').includes(word)).map(([key]) => key);
  };
  return { get: read, has: (key) => files.has(key), keys };
}

function filesOf(kind: string, folder: string): readonly (readonly [string, string])[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .toSorted()
    .map((file) => [`${kind}/${file.slice(0, -'.yaml'.length)}`, join(folder, file)]);
}

function readSpec(file: string): Fields | undefined {
  const object: unknown = parse(readFileSync(file, 'utf8'));
  const spec = isFields(object) ? object['spec'] : undefined;
  return isFields(spec) ? spec : undefined;
}

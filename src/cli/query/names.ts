/** Names in the library without understanding it: completion must be fast. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '../../package-files.ts';

/** Serin's own files are called like their query. */
export function queryNames(): readonly string[] {
  return filesIn(packageFile('queries')).map((file) => file.slice(0, -'.yaml'.length));
}

/** Those of another folder, whose files may be called anything; none where it cannot be read. */
export function queryNamesIn(folder: string): readonly string[] {
  return inEach(folder, /^metadata:[^]*?\bname: *["']?([\w.-]+)/m);
}

/** What the queries of the library are of, such as `istio`. */
export function querySources(folder: string = packageFile('queries')): readonly string[] {
  return [...new Set(inEach(folder, /^ {2}source: *["']?([\w.-]+)/m))].toSorted();
}

const filesIn = (folder: string): readonly string[] => readdirSync(folder).filter((file) => file.endsWith('.yaml'));

function inEach(folder: string, pattern: RegExp): readonly string[] {
  try {
    return filesIn(folder).flatMap((file) => pattern.exec(readFileSync(join(folder, file), 'utf8'))?.[1] ?? []);
  } catch {
    return [];
  }
}

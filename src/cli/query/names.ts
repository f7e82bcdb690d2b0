/** Names of the library's queries without reading them: a file is called like its query. */
import { readdirSync } from 'node:fs';
import { packageFile } from '../../package-files.ts';

export function queryNames(): readonly string[] {
  const files = readdirSync(packageFile('queries'));
  return files.filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -'.yaml'.length));
}

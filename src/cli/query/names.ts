/** Names of the library's queries without reading them: a file is called like its query. */
import { readdirSync } from 'node:fs';

export function queryNames(): readonly string[] {
  const files = readdirSync(new URL('../../../queries/', import.meta.url));
  return files.filter((file) => file.endsWith('.yaml')).map((file) => file.slice(0, -'.yaml'.length));
}

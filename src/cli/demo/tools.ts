/** Programs that the set-up found or fetched: `.cache/tools.json`, name → path. */
import { existsSync, readFileSync } from 'node:fs';
import { packageFile } from '../../package-files.ts';

export function toolPath(name: string): string | undefined {
  const list = packageFile('.cache/tools.json');
  if (!existsSync(list)) return undefined;
  const tools = JSON.parse(readFileSync(list, 'utf8')) as Readonly<Record<string, string>>; // written by src/setup
  const path = tools[name];
  return path !== undefined && existsSync(path) ? path : undefined;
}

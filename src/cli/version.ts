/** `serin version` and `serin --version`. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { packageFile } from '../package-files.ts';

/** The version in package.json. */
export function readVersion(): string {
  const text = readFileSync(packageFile('package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

export function register(program: Command): void {
  program.version(`serin ${readVersion()}`, '-V, --version', 'print the version');
  program
    .command('version')
    .description('print the version of Serin and of Node')
    .action(() => {
      process.stdout.write(`serin ${readVersion()} (node ${process.versions.node})\n`);
    });
}

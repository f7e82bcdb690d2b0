/** Everything under `deploy/` that is made from code, as path → text. `main.ts` writes it, a test compares it. */
import { stringify } from 'yaml';
import { errorCatalogue } from '../../errors.ts';
import { crdOf } from '../crd.ts';
import { KINDS } from '../kinds.ts';
import { reasons } from '../reasons.ts';
import { referencePage } from './reference.ts';
import { table } from './table.ts';

const NOTICE = 'Made by `npm run generate` from src/api; edit the code, not this file.';

/** Paths are relative to the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ...KINDS.map((kind): [string, string] => [
      `deploy/crds/${kind.type.group}_${kind.type.plural}.yaml`,
      `# ${NOTICE}\n${stringify(crdOf(kind), { lineWidth: 0, aliasDuplicateObjects: false })}`,
    ]),
    ['deploy/docs/api.md', referencePage(KINDS, NOTICE)],
    ['deploy/docs/reasons.md', reasonsPage()],
    ['deploy/docs/errors.md', errorsPage()],
  ]);
}

function reasonsPage(): string {
  const rows = Object.entries(reasons).map(([reason, meaning]) => [`\`${reason}\``, meaning]);
  return `# Reasons

<!-- ${NOTICE} -->

Conditions, events and verdicts carry one of these. They are part of the API: a reason keeps its meaning and is never reused.

${table(['Reason', 'Meaning'], rows)}
`;
}

function errorsPage(): string {
  const rows = Object.entries(errorCatalogue).map(([code, { meaning, retryable, exitCode }]) => [
    `\`${code}\``,
    meaning,
    retryable ? 'yes' : 'no',
    String(exitCode),
  ]);
  return `# Errors

<!-- ${NOTICE} -->

Every error says in one sentence what is wrong with which field of which object, and in one what to do. The code tells programs the
same. "Tried again" is what the service does by itself; the exit code is that of the command line.

${table(['Code', 'Meaning', 'Tried again', 'Exit code'], rows)}
`;
}

/** `serin status [release]`: where releases are and why; `-o json|yaml|wide|name` for machines. */
import type { Command } from 'commander';
import { TYPES, type KubeObject } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import { SerinError } from '../errors.ts';
import { connect, parseOutput, withConnection, type ConnectionFlags } from './connection.ts';
import { columnsOf } from './screen/style.ts';
import { formatAge, formatTable } from './table.ts';

interface StatusFlags extends ConnectionFlags {
  readonly output?: string;
  readonly allNamespaces?: boolean;
  readonly exitCode?: boolean;
}

const OUTPUTS = ['json', 'yaml', 'wide', 'name'] as const;
type Output = (typeof OUTPUTS)[number] | undefined;

const HEADER = ['NAME', 'PHASE', 'WEIGHT', 'STEP', 'VERDICT', 'REASON', 'AGE'];
const WIDE = ['STABLE', 'CANARY', 'RUN ODDS', 'RUN', 'MESSAGE'];

/** The run whose verdict is shown; before there is one, the one that is judging. */
export function decidingRun(status: Release['status']): string | undefined {
  return status?.verdict?.run ?? status?.stepRuns?.at(-1) ?? status?.analysisRun;
}

/** One row per release; `wide` adds revisions, the odds of the whole run, which run decided and the sentence of one metric. */
export function statusTable(
  releases: readonly Release[],
  nowMs: number,
  options: { readonly wide: boolean; readonly namespaces: boolean; readonly columns?: number },
): string {
  const rows = releases.map((release) => {
    const { status } = release;
    const step = status?.step === undefined ? '' : `${status.step.index}/${status.step.of}`;
    const cells = [
      release.metadata.name,
      status?.phase ?? '',
      String(status?.weight ?? 0),
      step,
      status?.verdict?.outcome ?? '',
      status?.reason ?? '',
      formatAge(Date.parse(release.metadata.creationTimestamp ?? ''), nowMs),
    ];
    const wide = [
      status?.revision.stable ?? '',
      status?.revision.canary ?? '',
      status?.verdict?.odds ?? '',
      decidingRun(status) ?? '',
      status?.message ?? '',
    ];
    return [...(options.namespaces ? [release.metadata.namespace] : []), ...cells, ...(options.wide ? wide : [])];
  });
  return formatTable(
    [...(options.namespaces ? ['NAMESPACE'] : []), ...HEADER, ...(options.wide ? WIDE : [])],
    rows,
    options.columns,
  );
}

/** 0 promoted or idle, 3 aborted, 4 held or undecided: what `--exit-code` ends with. */
export function exitCodeOf(release: Release): number {
  const phase = release.status?.phase;
  if (phase === 'Promoted' || phase === 'Idle') return 0;
  return phase === 'Aborted' || phase === 'Aborting' ? 3 : 4;
}

/** Aborted beats undecided, and undecided what went well. */
export function worstExitCode(releases: readonly Release[]): number {
  const codes = releases.map(exitCodeOf);
  return codes.includes(3) ? 3 : Math.max(0, ...codes);
}

async function render(
  objects: readonly KubeObject[],
  flags: StatusFlags,
  output: Output,
  isSingle: boolean,
): Promise<string> {
  const whole = isSingle ? objects[0] : { apiVersion: 'v1', kind: 'List', items: objects };
  if (output === 'json') return JSON.stringify(whole, null, 2);
  if (output === 'yaml') return (await import('yaml')).stringify(whole).trimEnd();
  if (output === 'name') return objects.map((object) => `release.serin.dev/${object.metadata.name}`).join('\n');
  const releases = objects as unknown as readonly Release[]; // validated by the CRD
  const wide = output === 'wide';
  // Who asks for all of it gets all of it.
  const columns = wide ? Infinity : columnsOf(process.stdout);
  return statusTable(releases, Date.now(), { wide, namespaces: flags.allNamespaces === true, columns });
}

async function status(name: string | undefined, flags: StatusFlags): Promise<void> {
  // First of all: a wrong command line is wrong without releases too.
  const output = parseOutput(flags.output, OUTPUTS);
  if (name !== undefined && flags.allNamespaces === true) {
    throw new SerinError(
      'SERIN_E_USAGE',
      `One release is in one namespace, so ${name} and -A do not go together. Give -n with the namespace of ${name}, or leave its name out.`,
    );
  }
  const { kube, namespace } = await connect(flags);
  const objects =
    name === undefined
      ? (await kube.list(TYPES.release, flags.allNamespaces === true ? {} : { namespace })).items
      : [await kube.get({ type: TYPES.release, namespace, name })].filter((object) => object !== undefined);
  if (name !== undefined && objects.length === 0) {
    throw new SerinError(
      'SERIN_E_NOT_FOUND',
      `Release ${namespace}/${name} does not exist. \`serin status -A\` lists all there are.`,
    );
  }
  if (objects.length === 0) {
    process.stderr.write(
      flags.allNamespaces === true
        ? 'There are no releases.\n'
        : `There are no releases in namespace ${namespace}; -A looks everywhere.\n`,
    );
    return;
  }
  process.stdout.write(`${await render(objects, flags, output, name !== undefined)}\n`);
  if (flags.exitCode === true) process.exitCode = worstExitCode(objects as unknown as readonly Release[]); // validated by the CRD
}

export function register(program: Command): void {
  withConnection(program.command('status [release]').description('where releases are, and why'))
    .option('-A, --all-namespaces', 'all namespaces')
    .option('-o, --output <format>', 'json, yaml, wide or name')
    .option('--exit-code', 'end with 3 when aborted and 4 when undecided or held; of several releases with the worst')
    .action(status);
}

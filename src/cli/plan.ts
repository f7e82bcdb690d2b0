/** `serin plan`: what a plan of steps can see and when it passes, before it starts. Offline; from flags, or a Release in a file. */
import type { Command } from 'commander';
import type { ReleaseSpec } from '../api/release.ts';
import { SerinError } from '../errors.ts';
import { parseOutput } from './connection.ts';
import type { PlanFlags } from './plan-input.ts';

interface Flags extends PlanFlags {
  readonly filename?: string;
  readonly output?: string;
}

async function plan(flags: Flags): Promise<void> {
  const output = parseOutput(flags.output, ['text', 'json'] as const) ?? 'text';
  const { planInputOf } = await import('./plan-input.ts');
  const { forecastPlan } = await import('../stats/planner.ts');
  const release = flags.filename === undefined ? undefined : await readRelease(flags.filename);
  const input = planInputOf(flags, release);
  const forecast = forecastPlan(input);
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify({ input, ...forecast }, null, 2)}\n`);
    return;
  }
  const { renderPlan } = await import('./plan-table.ts');
  process.stdout.write(`${renderPlan(input, forecast, release?.name)}\n`);
}

async function readRelease(file: string): Promise<{ where: string; name: string; spec: ReleaseSpec }> {
  const { readYaml } = await import('./analyze/flags.ts');
  const { validateRelease } = await import('../api/validate.ts');
  const document = await readYaml(file, '--filename');
  const metadata = document['metadata'];
  const named =
    typeof metadata === 'object' && metadata !== null && 'name' in metadata ? String(metadata.name) : 'without a name';
  const where = `${file}: Release ${named}`;
  if (document['kind'] !== 'Release') {
    throw new SerinError(
      'SERIN_E_USAGE',
      `${file} holds no Release but kind ${String(document['kind'])}. Give a file with one Release.`,
    );
  }
  const [finding] = validateRelease(document['spec']);
  if (finding !== undefined) throw new SerinError('SERIN_E_USAGE', `${where}: ${finding.message}`);
  return { where, name: named, spec: document['spec'] as ReleaseSpec }; // just validated
}

export function register(program: Command): void {
  program
    .command('plan')
    .description('what each step of a rollout can see, and how long it takes to pass')
    .option('-f, --filename <file>', 'a Release in YAML: its steps, preset and error probability')
    .option('--rps <number>', 'requests per second of the whole workload')
    .option('--baseline <percent>', 'share of bad requests now, such as 0.5%')
    .option('--weights <list>', 'percent for the canary in each step, such as 5,25,50')
    .option('--step <duration>', 'longest time of each step, or a list of them (default: 15m, as in a release)')
    .option('--dispersion <number>', 'so many bad requests come together; `serin analyze` says how many', '1')
    .option('--interval <duration>', 'length of one poll interval (default: 10s)')
    .option('--preset <name>', 'sharp, recommended or tolerant')
    .option('--critical', 'the pass margin of critical metrics')
    .option('--share <number>', 'part of the evidence this metric has, 0–1', '1')
    .option('--false-abort <percent>', 'probability of aborting a healthy canary (default: 5%)')
    .option('-o, --output <format>', 'text or json')
    .action(plan);
}

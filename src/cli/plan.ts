/** `serin plan`: what a plan of steps can see and when it passes, before it starts. From flags, a Release in a file, and Prometheus. */
import type { Command } from 'commander';
import type { ReleaseSpec } from '../api/release.ts';
import { SerinError } from '../errors.ts';
import { collected, parseOutput } from './connection.ts';
import { refuseIdle } from './idle-options.ts';
import type { SourceObject } from './lint/source.ts';
import type { PlanFlags } from './plan/input.ts';
import type { ReleaseMetrics } from './plan/metrics.ts';
import type { Traffic } from './plan/traffic.ts';

interface Flags extends PlanFlags {
  readonly filename?: string;
  readonly prometheus?: string;
  readonly header?: readonly string[];
  readonly query?: string;
  readonly namespace?: string;
  readonly workload?: string;
  readonly slo?: string;
  readonly from: string;
  readonly output?: string;
  readonly bound?: string;
}

interface ReadRelease {
  readonly where: string;
  readonly name: string;
  readonly namespace: string;
  readonly spec: ReleaseSpec;
  /** Of the whole file, which may hold its templates and its Rollout too. */
  readonly beside: readonly SourceObject[];
}

/** What is read from Prometheus is told by these. */
const OF_PROMETHEUS = ['header', 'query', 'namespace', 'workload', 'slo', 'from'];

async function plan(flags: Flags, command: Command): Promise<void> {
  const output = parseOutput(flags.output, ['text', 'json'] as const) ?? 'text';
  if (flags.prometheus === undefined) refuseIdle(command, OF_PROMETHEUS, 'without --prometheus');
  const { slowestPlan } = await import('./plan/input.ts');
  const { forecastPlan } = await import('../stats/planner.ts');
  const release = flags.filename === undefined ? undefined : await readRelease(flags.filename);
  const traffic = flags.prometheus === undefined ? undefined : await trafficFrom(flags, flags.prometheus);
  const known = traffic === undefined ? flags : withTraffic(flags, traffic);
  const notes = (traffic?.notes ?? []).map((note) => `${note}\n`).join('');
  const { renderSwitchPlan, switchPlanOf } = await import('./plan/switch.ts');
  const switched = release === undefined || flags.weights !== undefined ? undefined : switchPlanOf(known, release);
  if (switched === undefined) refuseIdle(command, ['bound'], 'without a blueGreen or recreate Release (-f)');
  else
    refuseIdle(
      command,
      ['step', 'preset', 'critical'],
      'on a Release that gives all requests to one version at a time; --weights makes a canary of it',
    );
  if (switched !== undefined && release !== undefined) {
    const text =
      output === 'json' ? JSON.stringify({ steps: switched }, null, 2) : renderSwitchPlan(release.name, switched);
    process.stdout.write(`${text}\n${output === 'json' ? '' : notes}`);
    return;
  }
  const found = release === undefined ? undefined : await metricsOf(known, release);
  const { input, metric } = slowestPlan(known, release, found?.metrics ?? []);
  const forecast = forecastPlan(input);
  if (output === 'json') {
    const named = metric === undefined ? {} : { metric: metric.name };
    process.stdout.write(`${JSON.stringify({ ...named, input, ...forecast }, null, 2)}\n`);
    return;
  }
  const { renderPlan } = await import('./plan/table.ts');
  const { columnsOf } = await import('./screen/style.ts');
  const planned =
    metric === undefined ? undefined : { name: metric.name, critical: metric.critical, of: found?.metrics.length ?? 1 };
  const unknown = (found?.notes ?? []).map((note) => `${note}\n`).join('');
  process.stdout.write(
    `${renderPlan(input, forecast, release?.name, planned, columnsOf(process.stdout))}\n${unknown}${notes}`,
  );
}

/** The metrics that the Release has; none where flags say what one is like. */
async function metricsOf(flags: Flags, { name, spec, beside }: ReadRelease): Promise<ReleaseMetrics> {
  if (flags.critical === true || flags.share !== undefined) return { metrics: [], notes: [] };
  const { presetFlag } = await import('./plan/input.ts');
  const { metricsOfRelease } = await import('./plan/metrics.ts');
  const { specsOf } = await import('./specs/specs.ts');
  return metricsOfRelease(name, spec, specsOf(beside), presetFlag(flags.preset));
}

/** What the flags say beats what was read. */
function withTraffic(flags: Flags, traffic: Traffic): Flags {
  return {
    ...flags,
    rps: flags.rps ?? String(traffic.requestsPerSecond),
    baseline: flags.baseline ?? `${(100 * traffic.badShare).toFixed(6)}%`,
    dispersion: flags.dispersion === '1' ? String(traffic.dispersion) : flags.dispersion,
    interval: flags.interval ?? `${traffic.intervalMs}ms`,
  };
}

async function trafficFrom(flags: Flags, url: string): Promise<Traffic> {
  const need = (name: 'query' | 'namespace' | 'workload'): string => {
    const value = flags[name];
    if (value !== undefined && value !== '') return value;
    throw new SerinError(
      'SERIN_E_USAGE',
      `--prometheus needs --${name} too. Give --query NAME, --namespace and --workload, the one that serves users now.`,
    );
  };
  const { parseDurationFlag, parseTimeFlag, readQuery } = await import('./analyze/flags.ts');
  const { checkReach, readHeaders } = await import('./query/reach.ts');
  const { createPrometheusSource } = await import('../metrics/prometheus.ts');
  const { readTraffic } = await import('./plan/traffic.ts');
  const headers = await readHeaders(flags.header ?? []);
  const signal = AbortSignal.timeout(300_000);
  await checkReach(url, headers, signal);
  const toMs = Date.now();
  const range = {
    query: await readQuery(need('query')),
    namespace: need('namespace'),
    workload: need('workload'),
    fromMs: parseTimeFlag(flags.from, '--from', toMs),
    toMs,
    intervalMs: parseDurationFlag(flags.interval ?? '10s', '--interval'),
    ...(flags.slo === undefined ? {} : { sloMs: parseDurationFlag(flags.slo, '--slo') }),
  };
  return readTraffic(createPrometheusSource({ url, headers, timeoutMs: 30_000 }), range, signal);
}

async function readRelease(file: string): Promise<ReadRelease> {
  const { objectIn, readInput } = await import('./analyze/flags.ts');
  const { stringAt } = await import('../api/fields.ts');
  const { validateRelease } = await import('../api/validate.ts');
  const { readSource } = await import('./lint/source.ts');
  const text = await readInput(file, '--filename');
  const document = await objectIn(text, file, '--filename', 'Release');
  const named = stringAt(document, 'metadata', 'name') ?? 'without a name';
  const where = `${file}: Release ${named}`;
  if (document['kind'] !== 'Release') {
    throw new SerinError(
      'SERIN_E_USAGE',
      `${file} holds no Release but kind ${String(document['kind'])}. Give a file with one Release.`,
    );
  }
  const [finding] = validateRelease(document['spec']);
  if (finding !== undefined) throw new SerinError('SERIN_E_USAGE', `${where}: ${finding.message}`);
  return {
    where,
    name: named,
    namespace: stringAt(document, 'metadata', 'namespace') ?? 'default',
    beside: readSource(file, text).objects,
    spec: document['spec'] as ReleaseSpec, // just validated
  };
}

export function register(program: Command): void {
  program
    .command('plan')
    .description('what each step of a rollout can see, and how long it takes to pass')
    .option(
      '-f, --filename <file>',
      'a Release in YAML (with its Rollout, if it follows one): steps, metrics, preset, error probability',
    )
    .option('--rps <number>', 'requests per second of the whole workload')
    .option('--baseline <percent>', 'share of bad requests now, such as 0.5%')
    .option('--prometheus <url>', 'read requests, bad share and dispersion from Prometheus, with the options below')
    .option('--header <line>', 'sent to Prometheus: "Name: value", or @FILE; may be repeated', collected)
    .option('--query <query>', 'what is counted: a MetricQuery in YAML, or the name of one of the library')
    .option('-n, --namespace <name>', 'namespace of the workload')
    .option('--workload <name>', 'the workload that serves users now')
    .option('--slo <duration>', 'of a histogram: slower requests are the bad ones')
    .option('--from <time>', 'since when, as a time or a duration (ago)', '1h')
    .option('--weights <list>', 'percent for the canary in each step, such as 5,25,50')
    .option('--step <duration>', 'longest time of each step, or a list of them (default: 15m, as in a release)')
    .option('--bound <percent>', 'blueGreen and recreate: the bound of the metric that is judged after the switch')
    .option('--dispersion <number>', 'so many bad requests come together; `serin analyze` says how many', '1')
    .option('--interval <duration>', 'length of one poll interval (default: 10s)')
    .option('--preset <name>', 'sharp, recommended or tolerant')
    .option('--critical', 'the pass margin of critical metrics (with -f: instead of its own metrics)')
    .option(
      '--share <number>',
      'part of the evidence this metric has, 0–1 (default: 1; with -f, what its own metrics have)',
    )
    .option('--false-abort <percent>', 'probability of aborting a healthy canary (default: 5%)')
    .option('-o, --output <format>', 'text or json')
    .action(plan);
}

/** `serin analyze`: the verdict on recorded data, from a file or from Prometheus, with the judge that releases have. No cluster needed. */
import type { Command } from 'commander';
import type { MetricQuerySpec } from '../api/metric-query.ts';
import type { Preset } from '../judge/preset.ts';
import type { Recording } from './analyze/recording.ts';
import { collected, parseOutput } from './connection.ts';
import { refuseIdle } from './idle-options.ts';
import { usage } from './usage.ts';

interface AnalyzeFlags {
  readonly csv?: string;
  readonly json?: string;
  readonly prometheus?: string;
  readonly header?: readonly string[];
  readonly query?: string;
  readonly namespace?: string;
  readonly stable?: string;
  readonly canary?: string;
  readonly from?: string;
  readonly to?: string;
  readonly warmUp?: string;
  readonly interval?: string;
  readonly metric: string;
  readonly preset: string;
  readonly critical?: boolean;
  readonly looks?: boolean;
  readonly falseAbort: string;
  readonly output?: string;
}

const PRESETS: readonly Preset[] = ['sharp', 'recommended', 'tolerant'];

/** What is read from Prometheus is told by these. */
const OF_PROMETHEUS = ['header', 'query', 'namespace', 'stable', 'canary', 'from', 'to', 'warmUp'];

async function analyze(flags: AnalyzeFlags, command: Command): Promise<void> {
  const output = parseOutput(flags.output, ['text', 'json', 'svg'] as const) ?? 'text';
  const { parseDurationFlag, parsePercentFlag } = await import('./analyze/flags.ts');
  const falseAbort = parsePercentFlag(flags.falseAbort, '--false-abort');
  if (!(falseAbort > 0 && falseAbort <= 0.5)) {
    throw usage(`--false-abort is ${flags.falseAbort}. Write a percentage above 0% and up to 50%, such as 5%.`);
  }
  const preset = PRESETS.find((name) => name === flags.preset);
  if (preset === undefined) throw usage(`--preset ${flags.preset} is not known. Use one of: ${PRESETS.join(', ')}.`);
  const intervalMs = flags.interval === undefined ? undefined : parseDurationFlag(flags.interval, '--interval');
  if (flags.prometheus === undefined) refuseIdle(command, OF_PROMETHEUS, 'without --prometheus');
  if (output === 'svg') refuseIdle(command, ['looks'], 'on a picture, which shows them all');
  const { recording, query } = await record(flags, intervalMs);
  const { analyseRecording } = await import('./analyze/judge-recording.ts');
  const rule = { metric: flags.metric, preset, isCritical: flags.critical === true, falseAbort };
  const analysis = analyseRecording(recording, query === undefined ? rule : { ...rule, query });
  if (analysis === undefined) {
    throw usage(
      `The canary has no request in all ${recording.intervals.length} intervals, so there is nothing to compare. Check which rows, or which workload, are the canary’s.`,
    );
  }
  const { summarise } = await import('./analyze/summary.ts');
  const { EXIT_CODES, renderReport } = await import('./analyze/report.ts');
  const summary = summarise(recording);
  if (output === 'svg') {
    const { renderSvg } = await import('../judge/render-svg.ts');
    process.stdout.write(renderSvg(analysis.picture));
  } else if (output === 'json') {
    const { picture, looks, ...rest } = analysis;
    const { intervalMs: length, notes, intervals } = recording;
    const whole = {
      outcome: analysis.verdict.outcome,
      ...rest,
      points: picture.points,
      ...(flags.looks === true ? { looks } : {}),
      intervalMs: length,
      intervals: intervals.length,
      summary,
      notes,
    };
    process.stdout.write(`${JSON.stringify(whole, null, 2)}\n`);
  } else {
    const { columnsOf } = await import('./screen/style.ts');
    const columns = columnsOf(process.stdout);
    const { renderLooks } = await import('./replay/render.ts');
    const looks = flags.looks === true ? `${renderLooks(analysis.looks, true, columns)}\n\n` : '';
    process.stdout.write(`${looks}${renderReport(analysis, recording, summary, columns)}\n`);
  }
  process.exitCode = EXIT_CODES[analysis.verdict.outcome];
}

interface Recorded {
  readonly recording: Recording;
  readonly query?: MetricQuerySpec;
}

async function record(flags: AnalyzeFlags, intervalMs: number | undefined): Promise<Recorded> {
  const sources = [flags.csv, flags.json, flags.prometheus].filter((source) => source !== undefined);
  if (sources.length !== 1) {
    throw usage(
      `${sources.length === 0 ? 'Nothing says' : 'More than one option says'} where the data is. Give exactly one of --csv FILE, --json FILE and --prometheus URL.`,
    );
  }
  if (flags.prometheus !== undefined) return fromPrometheus(flags, flags.prometheus, intervalMs);
  const file = flags.csv ?? flags.json ?? '';
  const { readCsv, readJson } = await import('./analyze/table-file.ts');
  const { readMeasurements } = await import('./analyze/measurements.ts');
  const { recordingOf } = await import('./analyze/recording.ts');
  const { refuseImplausible } = await import('./analyze/plausible.ts');
  const { readInput } = await import('./analyze/flags.ts');
  const text = await readInput(file, flags.csv === undefined ? '--json' : '--csv');
  const name = file === '-' ? 'stdin' : file;
  const table = flags.csv === undefined ? readJson(text, name) : readCsv(text, name);
  const recording = recordingOf(readMeasurements(table), name, intervalMs);
  refuseImplausible(recording, name);
  return { recording };
}

async function fromPrometheus(flags: AnalyzeFlags, url: string, intervalMs: number | undefined): Promise<Recorded> {
  const need = (name: 'query' | 'namespace' | 'stable' | 'canary' | 'from'): string => {
    const value = flags[name];
    if (value !== undefined && value !== '') return value;
    throw usage(
      `--prometheus needs --${name} too. Give --query NAME, --namespace, --stable, --canary and --from (and --to, else now).`,
    );
  };
  const range = { namespace: need('namespace'), stable: need('stable'), canary: need('canary') };
  if (range.stable === range.canary) throw usage(`--stable and --canary are both ${range.stable}. Name two workloads.`);
  const { parseDurationFlag, parseTimeFlag, readQuery } = await import('./analyze/flags.ts');
  const nowMs = Date.now();
  const query = await readQuery(need('query'));
  const [fromMs, toMs] = [
    parseTimeFlag(need('from'), '--from', nowMs),
    flags.to === undefined ? nowMs : parseTimeFlag(flags.to, '--to', nowMs),
  ];
  if (fromMs >= toMs) throw usage('--from is not before --to. Write the earlier time as --from.');
  const { createPrometheusSource } = await import('../metrics/prometheus.ts');
  const { recordFromPrometheus } = await import('./analyze/from-prometheus.ts');
  const { checkReach, readHeaders } = await import('./query/reach.ts');
  const headers = await readHeaders(flags.header ?? []);
  const source = createPrometheusSource({ url, headers, timeoutMs: 30_000 });
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  try {
    await checkReach(url, headers, stop.signal);
    const recording = await recordFromPrometheus(
      source,
      {
        query,
        ...range,
        fromMs,
        toMs,
        intervalMs: intervalMs ?? 10_000,
        warmUpMs: parseDurationFlag(flags.warmUp ?? '90s', '--warm-up', 0),
      },
      stop.signal,
    );
    return { recording, query };
  } finally {
    process.off('SIGINT', interrupt);
  }
}

export function register(program: Command): void {
  program
    .command('analyze')
    .description('judge recorded data: ends with 0 for Pass, 3 for Fail, 4 when undecided')
    .option(
      '--csv <file>',
      'columns time (where the interval ends), arm, total, bad (pod, weight, start); or time, canary_total, canary_bad, stable_total, stable_bad; - is stdin',
    )
    .option('--json <file>', 'a list of objects with the same names')
    .option('--prometheus <url>', 'read from Prometheus, with the options below')
    .option('--header <line>', 'sent to Prometheus: "Name: value", or @FILE; may be repeated', collected)
    .option('--query <query>', 'what is counted: a MetricQuery in YAML, or the name of one of the library')
    .option('-n, --namespace <name>', 'namespace of both workloads')
    .option('--stable <workload>', 'workload to compare with')
    .option('--canary <workload>', 'workload to judge')
    .option(
      '--from <time>',
      'start: 2026-01-05T12:00:00Z, seconds since 1970, or 2h (ago); time before the canary teaches stable’s noise',
    )
    .option('--to <time>', 'end (default: now)')
    .option('--warm-up <duration>', 'pods that appear are left out this long (default: 90s)')
    .option('--interval <duration>', 'length of one interval (default: as in the file; 10s from Prometheus)')
    .option('--metric <name>', 'what it is called in the verdict', 'errors')
    .option('--preset <name>', 'sharp, recommended or tolerant', 'recommended')
    .option('--looks', 'print what the judge said after every interval (of long recordings every few)')
    .option('--critical', 'the pass margin of critical metrics')
    .option(
      '--false-abort <percent>',
      'probability of failing a healthy canary (the first attempt of a release with 5% has 3.15%)',
      '5%',
    )
    .option('-o, --output <format>', 'text, json or svg')
    .action(analyze);
}

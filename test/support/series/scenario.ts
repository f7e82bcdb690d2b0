/**
 * Calls of users to two workloads, and what can happen meanwhile to the processes that count them. The truth is taken from the
 * calls: each belongs to the interval in which its process was scraped next, which is when Prometheus can first know of it.
 */
import type { Arm, LedgerPod } from '../../../src/metrics/ledger.ts';
import { seeded } from '../random.ts';
import type { Call, Shape } from './shape.ts';

export const SCRAPE_MS = 15_000;
export const INTERVAL_MS = 30_000;
const LENGTH_MS = 330_000;
/** Before that, counters only fill up. */
const JUDGED_FROM_MS = 90_000;
const EVENT_MS = 186_000;
/** Just after a scrape of the first process: calls between a scrape and a restart are lost to everybody. */
const RESET_MS = 180_901;
const GAP_MS = 70_000;

type Fault = 'none' | 'reset' | 'gap' | 'churn';

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly fault: Fault;
  readonly canaryCalls: boolean;
  readonly paths: number;
}

const scenario = (name: string, title: string, over: Partial<Scenario> = {}): Scenario => ({
  name,
  title,
  fault: 'none',
  canaryCalls: true,
  paths: 3,
  ...over,
});

export const SCENARIOS: readonly Scenario[] = [
  scenario('steady', 'every call is counted once, on its own side'),
  scenario('reset', 'a process starts again: nothing is counted twice', { fault: 'reset' }),
  scenario('gap', 'a process is not scraped for a while: its calls come later', { fault: 'gap' }),
  scenario('churn', 'a process goes and another comes', { fault: 'churn' }),
  scenario('zero', 'a canary without any traffic', { canaryCalls: false }),
  scenario('wide', 'series of many paths', { paths: 24 }),
];

/** A process that counts: when it is scraped, when it starts again from zero, when it lives. */
export interface CountingProcess {
  readonly name: string;
  readonly arm?: Arm | undefined;
  readonly scrapesMs: readonly number[];
  readonly resetMs?: number | undefined;
}

export interface Story {
  readonly scenario: Scenario;
  readonly namespace: string;
  readonly startMs: number;
  readonly ends: readonly number[];
  readonly workloads: Readonly<Record<Arm, string>>;
  readonly processes: readonly CountingProcess[];
  /** By process name, in order of time; those of a third workload are in it, too. */
  readonly calls: ReadonlyMap<string, readonly Call[]>;
  /** Kinds of calls of which each process had hundreds before; nobody can see a counter of 1 that restarts and is 1 again. */
  readonly past: ReadonlyMap<string, readonly Call[]>;
  readonly ledger: readonly LedgerPod[];
  /** Ends of intervals in which something happened that only a pod's restart or start could explain. */
  readonly surprises: ReadonlySet<number>;
}

const SUFFIXES = ['bcdfg', 'hjklm', 'npqrs', 'tvwxz', '24567'];
const podName = (workload: string, index: number): string => `${workload}-5449b8c487-${SUFFIXES[index] ?? '88888'}`;

/** The same calls for every source; only which process counts them differs. */
export function tellStory(scenario: Scenario, shape: Pick<Shape, 'counts'>, namespace: string, startMs: number): Story {
  const random = seeded(7);
  const workloads = { stable: `${scenario.name}-v1`, canary: `${scenario.name}-v2` };
  const isPod = shape.counts === 'pod';
  const eventMs = startMs + EVENT_MS;
  const hasPodChurn = scenario.fault === 'churn' && isPod;
  const podsOf = (arm: Arm, atMs: number): readonly string[] => {
    if (arm === 'canary') return [podName(workloads.canary, 0)];
    const second = hasPodChurn && atMs > eventMs ? 2 : 1;
    return [podName(workloads.stable, 0), podName(workloads.stable, second)];
  };
  const gatewayOf = (atMs: number): string => {
    if (shape.counts === 'cloud') return `${scenario.name}-exporter`;
    const isFirst = random.next() < 0.5;
    return isFirst
      ? `${scenario.name}-gateway-0`
      : scenario.fault === 'churn' && atMs > eventMs
        ? `${scenario.name}-gateway-2`
        : `${scenario.name}-gateway-1`;
  };
  const calls = new Map<string, Call[]>();
  const place = (arm: Arm, workload: string, pods: readonly string[], atMs: number): void => {
    const pod = pods[Math.floor(random.next() * pods.length)] ?? '';
    const call: Call = {
      atMs,
      arm,
      namespace,
      workload,
      pod,
      isBad: random.next() < (arm === 'canary' ? 0.15 : 0.08),
      durationMs: [4, 30, 60, 130, 310, 700, 1600][Math.floor(random.next() * 7)] ?? 4,
      path: `/item/${Math.floor(random.next() * scenario.paths)}`,
    };
    const process = isPod ? pod : gatewayOf(atMs);
    const list = calls.get(process) ?? [];
    calls.set(process, list);
    list.push(call);
  };
  for (let atMs = startMs + 500; atMs < startMs + LENGTH_MS - SCRAPE_MS; atMs += 1000) {
    place('stable', workloads.stable, podsOf('stable', atMs), atMs);
    if (scenario.canaryCalls && random.next() < 0.6) place('canary', workloads.canary, podsOf('canary', atMs), atMs);
    if (random.next() < 0.3) place('stable', `${workloads.stable}0`, [podName(`${workloads.stable}0`, 0)], atMs);
  }
  const names = isPod
    ? [
        ...podsOf('stable', startMs),
        ...(hasPodChurn ? [podName(workloads.stable, 2)] : []),
        podName(workloads.canary, 0),
        podName(`${workloads.stable}0`, 0),
      ]
    : shape.counts === 'cloud'
      ? [`${scenario.name}-exporter`]
      : [
          `${scenario.name}-gateway-0`,
          `${scenario.name}-gateway-1`,
          ...(scenario.fault === 'churn' ? [`${scenario.name}-gateway-2`] : []),
        ];
  const processes = names.map((name, index) => processOf(scenario, name, index, startMs));
  return {
    scenario,
    namespace,
    startMs,
    ends: endsOf(startMs),
    workloads,
    processes,
    calls,
    past: scenario.fault === 'reset' ? pastOf(calls, scenario.paths) : new Map<string, readonly Call[]>(),
    ledger: ledgerOf(scenario, workloads, isPod, startMs),
    surprises: surprisesOf(scenario, processes, isPod, startMs),
  };
}

function pastOf(calls: ReadonlyMap<string, readonly Call[]>, paths: number): ReadonlyMap<string, readonly Call[]> {
  const kinds = (call: Call): readonly Call[] =>
    Array.from({ length: paths }, (_, k) => `/item/${k}`).flatMap((path) =>
      [true, false].map((isBad) => ({ ...call, path, isBad, durationMs: 4 })),
    );
  return new Map(
    [...calls].map(([process, list]) => {
      const pods = new Map(list.map((call) => [call.pod, call]));
      return [process, [...pods.values()].flatMap(kinds)];
    }),
  );
}

function processOf({ fault }: Scenario, name: string, index: number, startMs: number): CountingProcess {
  const offsetMs = 900 + 1300 * index;
  const eventMs = startMs + EVENT_MS;
  const all = Array.from({ length: LENGTH_MS / SCRAPE_MS }, (_, n) => startMs + n * SCRAPE_MS + offsetMs);
  if (fault === 'gap' && index === 0) {
    return { name, scrapesMs: all.filter((ms) => ms < eventMs || ms > eventMs + GAP_MS) };
  }
  if (fault === 'reset' && index === 0) return { name, scrapesMs: all, resetMs: startMs + RESET_MS };
  if (fault === 'churn' && index === 1) return { name, scrapesMs: all.filter((ms) => ms < eventMs + SCRAPE_MS) };
  if (fault === 'churn' && index === 2) return { name, scrapesMs: all.filter((ms) => ms > eventMs) };
  return { name, scrapesMs: all };
}

function ledgerOf(
  { fault }: Scenario,
  workloads: Story['workloads'],
  isPod: boolean,
  startMs: number,
): readonly LedgerPod[] {
  const eventMs = startMs + EVENT_MS;
  const pod = (arm: Arm, index: number, over: Partial<LedgerPod> = {}): LedgerPod => {
    const name = podName(workloads[arm], index);
    return { name, uid: name, arm, startedAtMs: startMs - 3_600_000, ...over };
  };
  const isEvent = (kind: Fault): boolean => isPod && fault === kind;
  return [
    pod('stable', 0, isEvent('reset') ? { restartedAtMs: startMs + RESET_MS } : {}),
    pod('stable', 1, isEvent('churn') ? { endedAtMs: eventMs } : {}),
    ...(isEvent('churn') ? [pod('stable', 2, { startedAtMs: eventMs })] : []),
    pod('canary', 0),
  ];
}

function surprisesOf(
  { fault }: Scenario,
  processes: readonly CountingProcess[],
  isPod: boolean,
  startMs: number,
): ReadonlySet<number> {
  // Where one exporter knows everything, nobody knows anything while it is not scraped.
  if (fault === 'gap' && processes.length === 1) {
    const untilMs = startMs + EVENT_MS + GAP_MS + SCRAPE_MS;
    return new Set(endsOf(startMs).filter((endMs) => endMs > startMs + EVENT_MS && endMs < untilMs));
  }
  // A pod's restart and start are known; a gateway's are not.
  if (isPod || (fault !== 'reset' && fault !== 'churn')) return new Set();
  const process = processes[fault === 'reset' ? 0 : 2];
  const fromMs = startMs + (fault === 'reset' ? RESET_MS : EVENT_MS);
  const firstMs = endOf(process?.scrapesMs.find((ms) => ms > fromMs) ?? 0, startMs);
  // A series of a process that started again drops only when it is counted again, which may be much later.
  return new Set(fault === 'reset' ? endsOf(startMs).filter((endMs) => endMs >= firstMs) : [firstMs]);
}

function endsOf(startMs: number): readonly number[] {
  const ends: number[] = [];
  for (let ms = startMs + JUDGED_FROM_MS + INTERVAL_MS; ms <= startMs + LENGTH_MS; ms += INTERVAL_MS) ends.push(ms);
  return ends;
}

const endOf = (ms: number, startMs: number): number => startMs + Math.ceil((ms - startMs) / INTERVAL_MS) * INTERVAL_MS;

/** Of one side in one interval. */
export interface Truth {
  total: number;
  bad: number;
  /** Of calls slower than a boundary, ms. */
  readonly slower: (boundaryMs: number) => number;
}

/** What each side did in the interval that ends at `endMs`, from the calls themselves. */
export function truthOf(story: Story, endMs: number): Readonly<Record<Arm, Truth>> {
  const seen: Record<Arm, Call[]> = { stable: [], canary: [] };
  for (const process of story.processes) {
    for (const call of story.calls.get(process.name) ?? []) {
      if (call.workload !== story.workloads[call.arm]) continue;
      const scrapeMs = process.scrapesMs.find((ms) => ms >= call.atMs);
      if (scrapeMs !== undefined && endOf(scrapeMs, story.startMs) === endMs) seen[call.arm].push(call);
    }
  }
  const truth = (calls: readonly Call[]): Truth => ({
    total: calls.length,
    bad: calls.filter(({ isBad }) => isBad).length,
    slower: (boundaryMs) => calls.filter(({ durationMs }) => durationMs > boundaryMs).length,
  });
  return { stable: truth(seen.stable), canary: truth(seen.canary) };
}

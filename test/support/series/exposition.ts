/** A story as samples: counters of each process as its scrapes found them, relabelled as the source's query asks for. */
import { relabel, type Relabellings } from './relabel.ts';
import type { CountingProcess, Story } from './scenario.ts';
import type { Call, Labels, Move, Shape } from './shape.ts';

interface Counter {
  readonly name: string;
  readonly labels: Labels;
  value: number;
}

const NOISE_EVERY = 5;
const PAST_TIMES = 500;

/** Lines of OpenMetrics; each series' samples are in order of time. */
export function expose(shape: Shape, story: Story, relabellings: Relabellings): string {
  return story.processes.map((process) => exposeProcess(shape, story, process, relabellings)).join('');
}

function exposeProcess(shape: Shape, story: Story, process: CountingProcess, { target, series }: Relabellings): string {
  const calls = story.calls.get(process.name) ?? [];
  const [first] = calls;
  if (first === undefined) return '';
  const discovered = relabel(shape.target(process.name, first), target);
  const kept = Object.fromEntries(Object.entries(discovered).filter(([label]) => !label.startsWith('__')));
  const written = new Map<string, string>();
  const nameOf = (key: string, { name, labels }: Counter): string => {
    const known = written.get(key);
    if (known !== undefined) return known;
    // What the process itself says wins, as with honor_labels.
    const text = spell(name, relabel({ ...kept, ...labels }, series));
    written.set(key, text);
    return text;
  };
  const lines: string[] = [];
  let counters = new Map<string, Counter>();
  let next = 0;
  let isReset = false;
  for (const call of story.past.get(process.name) ?? []) {
    for (const move of shape.moves(call)) apply(counters, move, PAST_TIMES);
  }
  for (const scrapeMs of process.scrapesMs) {
    if (process.resetMs !== undefined && !isReset && scrapeMs > process.resetMs) {
      isReset = true;
      counters = new Map();
    }
    for (; next < calls.length; next++) {
      const call = calls[next];
      if (call === undefined || call.atMs > scrapeMs) break;
      count(counters, shape, call, next);
    }
    for (const [key, counter] of counters) lines.push(`${nameOf(key, counter)} ${counter.value} ${scrapeMs / 1000}\n`);
  }
  return lines.join('');
}

function count(counters: Map<string, Counter>, shape: Shape, call: Call, index: number): void {
  for (const move of shape.moves(call)) apply(counters, move);
  if (index % NOISE_EVERY === 0) for (const move of shape.noise(call)) apply(counters, move);
}

function apply(counters: Map<string, Counter>, move: Move, times = 1): void {
  const key = `${move.name} ${Object.values(move.labels).join('\n')}`;
  if ('set' in move) {
    counters.set(key, { name: move.name, labels: move.labels, value: move.set });
    return;
  }
  if (!('value' in move)) {
    add(counters, key, move.name, move.labels, times);
    return;
  }
  for (const boundary of [...move.boundaries, Number.POSITIVE_INFINITY]) {
    const le = boundary === Number.POSITIVE_INFINITY ? '+Inf' : String(boundary);
    add(counters, `${key} ${le}`, `${move.name}_bucket`, { ...move.labels, le }, move.value <= boundary ? times : 0);
  }
  add(counters, `${key} count`, `${move.name}_count`, move.labels, times);
  add(counters, `${key} sum`, `${move.name}_sum`, move.labels, move.value * times);
}

function add(counters: Map<string, Counter>, key: string, name: string, labels: Labels, by: number): void {
  const known = counters.get(key);
  if (known === undefined) counters.set(key, { name, labels, value: by });
  else known.value += by;
}

function spell(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).flatMap(([label, value]) =>
    value === '' ? [] : [`${label}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`],
  );
  return `${name}{${pairs.join(',')}}`;
}

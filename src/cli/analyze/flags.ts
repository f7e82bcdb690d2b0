/** Values of flags that `analyze` and `plan` share, and the files they name. A wrong one is a wrong command line. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { isFields } from '../../api/fields.ts';
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import { quote, readDurationMs, readPercent } from '../../api/units.ts';
import { gistOf, messageOf } from '../../errors.ts';
import { didYouMean } from '../lint/finding.ts';
import { readInstant } from './measurements.ts';
import { usage } from '../usage.ts';

/** Milliseconds, at least `leastMs`. */
export function parseDurationFlag(written: string, flag: string, leastMs = 1): number {
  const ms = readDurationMs(written);
  if (ms !== undefined && ms >= leastMs) return ms;
  throw usage(`${flag} is ${quote(written)}. Write a duration such as 10s, 90s or 1h30m.`);
}

/** A fraction 0–1. */
export function parsePercentFlag(written: string, flag: string): number {
  const part = readPercent(written);
  if (part !== undefined) return part;
  throw usage(`${flag} is ${quote(written)}. Write a percentage such as 5% or 0.05%.`);
}

export function parseNumberFlag(written: string, flag: string, least: number, most: number): number {
  const value = written.trim() === '' ? Number.NaN : Number(written);
  if (value >= least && value <= most) return value;
  throw usage(`${flag} is ${quote(written)}. Write a number from ${least} to ${most}.`);
}

/** A time as in files, or a duration: so long ago. */
export function parseTimeFlag(written: string, flag: string, nowMs: number): number {
  if (written === 'now') return nowMs;
  const agoMs = readDurationMs(written.replace(/^-/, ''));
  if (agoMs !== undefined && !/^\d+$/.test(written)) return nowMs - agoMs;
  const number = /^\d+(\.\d+)?$/.test(written) ? Number(written) : Number.NaN;
  const ms = Number.isFinite(number) ? Math.round(number < 1e11 ? number * 1000 : number) : readInstant(written);
  if (ms !== undefined && ms > 0) return ms;
  throw usage(
    `${flag} is ${quote(written)}. Write a time such as 2026-01-05T12:00:00Z, seconds since 1970, or a duration such as 2h (ago).`,
  );
}

/** The text of a file; `-` is stdin. */
export async function readInput(file: string, flag: string): Promise<string> {
  try {
    return file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8');
  } catch (thrown) {
    throw usage(`${flag} ${file} cannot be read: ${messageOf(thrown)}. Check the path.`);
  }
}

/** The one object of a YAML file; of several the only one of this kind. */
export async function readYaml(file: string, flag: string, kind: string): Promise<Readonly<Record<string, unknown>>> {
  return objectIn(await readInput(file, flag), file, flag, kind);
}

/** The same of a text that was read already. */
export async function objectIn(
  text: string,
  file: string,
  flag: string,
  kind: string,
): Promise<Readonly<Record<string, unknown>>> {
  const { parseAllDocuments } = await import('yaml');
  const documents = parseAllDocuments(text);
  const objects: Readonly<Record<string, unknown>>[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const [problem] = document.errors;
    if (problem !== undefined) {
      throw usage(`${flag} ${file} is no YAML: ${gistOf(problem.message)}. Correct it there.`);
    }
    const object: unknown = document.toJS();
    if (isFields(object)) objects.push(object);
  }
  const [only, ...others] = objects.length > 1 ? objects.filter((object) => object['kind'] === kind) : objects;
  if (only === undefined && objects.length > 1) {
    throw usage(`${flag} ${file} holds ${objects.length} objects, and none is a ${kind}. Give a file with one.`);
  }
  if (only === undefined) throw usage(`${flag} ${file} holds no object. Write one Kubernetes object in YAML.`);
  if (others.length > 0) {
    throw usage(`${flag} ${file} holds ${others.length + 1} objects of kind ${kind}. Give a file with one.`);
  }
  return only;
}

/** A MetricQuery of a file, or only its spec; or the one of the library that has this name, where no file has. */
export async function readQuery(file: string): Promise<MetricQuerySpec> {
  const named = existsSync(file) || file === '-' ? undefined : await ownQuery(file);
  if (named !== undefined) return named;
  const { validateQuery } = await import('../../api/validate-query.ts');
  const document = await readYaml(file, '--query', 'MetricQuery');
  const { kind } = document;
  if (kind !== undefined && kind !== 'MetricQuery') {
    throw usage(`--query ${file} is a ${quote(kind)}. Give a MetricQuery, such as those under queries/.`);
  }
  const spec = kind === undefined ? document : document['spec'];
  const [finding] = validateQuery(spec, kind === undefined ? file : `${file}: spec`);
  if (finding !== undefined) throw usage(finding.message);
  return spec as MetricQuerySpec; // just validated
}

/** `undefined`: a path is meant. */
async function ownQuery(name: string): Promise<MetricQuerySpec | undefined> {
  if (/[./\\]/.test(name)) return undefined;
  const { queryNames } = await import('../query/names.ts');
  const { readOwnQuery } = await import('../query/library.ts');
  const names = queryNames();
  if (names.includes(name)) return readOwnQuery(name).spec;
  const hint = didYouMean(name, names);
  throw usage(
    `--query ${name} is neither a file nor a query of the library.${hint || ' `serin query list` shows what is there.'}`,
  );
}

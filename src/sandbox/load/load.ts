/**
 * Open-loop load: requests leave when their time has come, whether earlier ones were answered or not, so a slow canary
 * cannot slow down its own measurement. Beyond the bound on requests under way they are dropped, and counted as dropped.
 */
import http from 'node:http';
import type { Clock } from '../../clock.ts';
import { createRandom } from '../random.ts';
import { nextArrivalMs, type Rate } from './arrivals.ts';

export interface LoadProfile {
  readonly name: string;
  /** Address of the gateway. */
  readonly url: string;
  /** Requests per second. */
  readonly rps: number;
  /** `Host` header; absent: the gateway's own address. */
  readonly host?: string;
  readonly method?: string;
  /** Each with its share; absent: `/` alone. */
  readonly paths?: readonly { readonly path: string; readonly weight: number }[];
  readonly headers?: Readonly<Record<string, string>>;
  /** Requests under way at most (default 512). */
  readonly maxConcurrency?: number;
  /** From 0 to `rps` during this time. */
  readonly rampMs?: number;
}

export interface LoadCounts {
  readonly sent: number;
  readonly answered: number;
  /** Connections refused or cut. */
  readonly failed: number;
  readonly dropped: number;
  readonly inFlight: number;
  readonly byStatus: Readonly<Record<string, number>>;
  /** By the `x-version` header of the answer, `none` without one. */
  readonly byVersion: Readonly<Record<string, number>>;
  /** Those that failed, by the system's code (`ECONNRESET`) or `cut` in the middle of an answer. */
  readonly byFailure: Readonly<Record<string, number>>;
}

export interface Load {
  readonly name: string;
  setRate(rps: number, rampMs?: number): void;
  counts(): LoadCounts;
  /** Sends nothing more and resolves when the last request was answered. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  readonly clock: Clock;
  readonly seed: string;
  readonly signal: AbortSignal;
}

export function startLoad(profile: LoadProfile, { clock, seed, signal }: LoadOptions): Load {
  const random = createRandom(seed, 'load', profile.name);
  const agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, scheduling: 'lifo' });
  const target = new URL(profile.url);
  const most = profile.maxConcurrency ?? 512;
  const pathOf = pathChooser(profile.paths ?? [], random);
  const tally = { sent: 0, answered: 0, failed: 0, dropped: 0, inFlight: 0 };
  const byStatus: Record<string, number> = {};
  const byVersion: Record<string, number> = {};
  const byFailure: Record<string, number> = {};
  const fail = (reason: string): void => {
    tally.failed += 1;
    bump(byFailure, reason);
  };
  let rate: Rate = { from: 0, to: profile.rps, fromMs: clock.nowMs(), rampMs: profile.rampMs ?? 0 };
  let nextMs = Number.POSITIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let drained: (() => void) | undefined;

  const settle = (): void => {
    tally.inFlight -= 1;
    if (isStopped && tally.inFlight === 0) drained?.();
  };
  const options: http.RequestOptions = {
    agent,
    host: target.hostname,
    port: target.port,
    method: profile.method ?? 'GET',
    headers: { host: profile.host ?? target.host, ...profile.headers },
  };
  const fire = (): void => {
    if (tally.inFlight >= most) {
      tally.dropped += 1;
      return;
    }
    tally.sent += 1;
    tally.inFlight += 1;
    const request = http.request({ ...options, path: pathOf() });
    let isSettled = false;
    const once = (count: () => void): void => {
      if (isSettled) return;
      isSettled = true;
      count();
      settle();
    };
    request.once('response', (response) => {
      response.resume();
      response.once('end', () =>
        once(() => {
          tally.answered += 1;
          const version = response.headers['x-version'];
          bump(byStatus, String(response.statusCode ?? 0));
          bump(byVersion, typeof version === 'string' ? version : 'none');
        }),
      );
      response.once('close', () => once(() => fail('cut')));
    });
    request.on('error', ({ code, message }: NodeJS.ErrnoException) => once(() => fail(code ?? message)));
    request.end();
  };
  const plan = (): void => {
    clearTimeout(timer);
    if (isStopped || nextMs === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(tick, Math.max(0, nextMs - clock.nowMs()));
  };
  const tick = (): void => {
    const nowMs = clock.nowMs();
    while (!isStopped && nextMs <= nowMs) {
      fire();
      nextMs = nextArrivalMs(rate, nextMs, random);
    }
    plan();
  };
  const stop = async (): Promise<void> => {
    isStopped = true;
    clearTimeout(timer);
    if (tally.inFlight > 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        drained = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    agent.destroy();
  };
  signal.addEventListener('abort', () => void stop(), { once: true });
  nextMs = nextArrivalMs(rate, clock.nowMs(), random);
  plan();
  return {
    name: profile.name,
    setRate: (rps, rampMs = 0) => {
      const nowMs = clock.nowMs();
      rate = { from: rate.to, to: rps, fromMs: nowMs, rampMs };
      nextMs = nextArrivalMs(rate, nowMs, random);
      plan();
    },
    counts: () => ({ ...tally, byStatus: { ...byStatus }, byVersion: { ...byVersion }, byFailure: { ...byFailure } }),
    stop,
  };
}

function bump(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function pathChooser(paths: NonNullable<LoadProfile['paths']>, random: () => number): () => string {
  const total = paths.reduce((sum, { weight }) => sum + weight, 0);
  return () => {
    let left = random() * total;
    for (const { path, weight } of paths) {
      left -= weight;
      if (left < 0) return path;
    }
    return paths.at(-1)?.path ?? '/';
  };
}

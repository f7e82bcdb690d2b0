/** Readiness of one container: by its probe, over real HTTP, or a delay when it has none. */
import http from 'node:http';
import type { Clock } from '../../clock.ts';
import type { Container } from '../pod.ts';

export interface ReadinessOptions {
  readonly container: Container;
  readonly ip: string;
  readonly clock: Clock;
  /** Turns seconds of the manifest into real milliseconds. */
  readonly pacedMs: (ms: number) => number;
  /** Without a probe: ready after this (already paced). */
  readonly readyAfterMs: number;
  readonly onChange: (isReady: boolean) => void;
  readonly signal: AbortSignal;
}

/** Runs until the signal ends it. */
export async function followReadiness(options: ReadinessOptions): Promise<void> {
  const { container, ip, clock, pacedMs, readyAfterMs, onChange, signal } = options;
  const probe = container.readinessProbe;
  const get = probe?.httpGet;
  if (probe === undefined || get === undefined) {
    await clock.sleep(readyAfterMs, signal);
    onChange(true);
    return;
  }
  const {
    initialDelaySeconds = 0,
    periodSeconds = 10,
    timeoutSeconds = 1,
    successThreshold = 1,
    failureThreshold = 3,
  } = probe;
  const port = typeof get.port === 'number' ? get.port : namedPort(container, get.port);
  await clock.sleep(pacedMs(initialDelaySeconds * 1_000), signal);
  let isReady = false;
  let inARow = 0;
  while (!signal.aborted) {
    const isFine = await answers(ip, port, get.path ?? '/', timeoutSeconds * 1_000);
    if (signal.aborted) return;
    inARow = isFine === isReady ? 0 : inARow + 1;
    if (inARow >= (isFine ? successThreshold : failureThreshold)) {
      isReady = isFine;
      inARow = 0;
      onChange(isReady);
    }
    await clock.sleep(pacedMs(Math.max(1, periodSeconds) * 1_000), signal);
  }
}

function namedPort(container: Container, name: string): number {
  return container.ports?.find((each) => each.name === name)?.containerPort ?? Number(name);
}

function answers(host: string, port: number, path: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { 'user-agent': 'kube-probe/1.36', connection: 'close' };
    const request = http.get({ host, port, path, headers, timeout: timeoutMs, agent: false }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      resolve(status >= 200 && status < 400);
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}

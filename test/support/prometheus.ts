/** A real Prometheus and an exporter with many pods, whose every counter the test owns: it knows what was counted, exactly. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/sandbox/free-port.ts';
import { requireTool } from './tools.ts';

/** One scrape target: what it exposes at a scrape. `undefined` answers 500. */
type Exposition = () => string | Exposed | undefined;

export interface Exposed {
  readonly text: string | Uint8Array;
  /** Of `text`; Prometheus' text format where left out. */
  readonly type?: string;
  /** Called when the whole text was sent; not when the scraper gave up before. */
  readonly onSent?: () => void;
}

export interface ExporterLab {
  readonly port: number;
  /** By pod name. */
  readonly pods: Map<string, Exposition>;
  /** Delays answers, as a busy pod does. */
  delayMs: number;
  close(): Promise<void>;
}

export async function startExporter(): Promise<ExporterLab> {
  const pods = new Map<string, Exposition>();
  const server: Server = createServer((request, response) => {
    const pod = decodeURIComponent((request.url ?? '').split('/')[1] ?? '');
    setTimeout(() => {
      const exposed = pods.get(pod)?.();
      const { text, type, onSent } = typeof exposed === 'object' ? exposed : { text: exposed };
      response.writeHead(text === undefined ? 500 : 200, { 'content-type': type ?? 'text/plain; version=0.0.4' });
      response.on('finish', () => !response.destroyed && onSent?.());
      response.end(text ?? 'down');
    }, lab.delayMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const lab: ExporterLab = {
    port: (server.address() as AddressInfo).port,
    pods,
    delayMs: 0,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return lab;
}

export interface PrometheusLab {
  readonly url: string;
  /** Which pods of the exporter are scraped; noticed within about a second. */
  scrape(pods: readonly string[]): Promise<void>;
  /** SIGKILL, as a node that dies. */
  kill(): Promise<void>;
  /** On the same port and data. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** `flags`: further arguments of the program. */
export async function startPrometheus(
  exporter: ExporterLab,
  scrapeMs: number,
  flags: readonly string[] = [],
): Promise<PrometheusLab> {
  const folder = await mkdtemp(join(tmpdir(), 'serin-prometheus-'));
  const port = await freePort();
  const targets = join(folder, 'targets.json');
  await writeFile(targets, '[]');
  await writeFile(
    join(folder, 'prometheus.yml'),
    JSON.stringify({
      global: { scrape_interval: `${scrapeMs}ms`, scrape_timeout: `${scrapeMs}ms` },
      scrape_configs: [{ job_name: 'pods', file_sd_configs: [{ files: [targets], refresh_interval: '1s' }] }],
    }),
  );
  let child: ChildProcess | undefined;
  const url = `http://127.0.0.1:${port}`;

  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  const start = async (): Promise<void> => {
    child = spawn(
      requireTool('prometheus'),
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
        ...flags,
      ],
      { stdio: 'ignore' },
    );
    await until(async () => (await fetch(`${url}/-/ready`)).ok, 20_000, 'Prometheus to be ready');
  };
  await start();
  return {
    url,
    scrape: (pods) =>
      writeFile(
        targets,
        JSON.stringify(
          pods.map((pod) => ({
            targets: [`127.0.0.1:${exporter.port}`],
            labels: { pod, instance: pod, __metrics_path__: `/${encodeURIComponent(pod)}` },
          })),
        ),
      ),
    kill,
    start,
    close: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until `check` answers true; a throw counts as not yet. */
export async function until(check: () => Promise<boolean> | boolean, withinMs: number, what: string): Promise<void> {
  const endMs = Date.now() + withinMs;
  for (;;) {
    const isDone = await Promise.resolve()
      .then(check)
      .catch(() => false);
    if (isDone) return;
    if (Date.now() > endMs) throw new Error(`Waited ${withinMs} ms for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

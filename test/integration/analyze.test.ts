/** `serin analyze` and `serin plan` as people run them: real processes, and a real Prometheus. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ExporterLab, type PrometheusLab, startExporter, startPrometheus, until } from '../support/prometheus.ts';
import { describeWith } from '../support/tools.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const QUERY = fileURLToPath(new URL('../../queries/istio-requests.yaml', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function serin(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serin-analyze-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function wideCsv(canaryBad: number, intervals: number): Promise<string> {
  const file = join(folder, `${canaryBad}-${intervals}.csv`);
  const rows = Array.from(
    { length: intervals },
    (_, k) => `${1_767_614_400 + k * 10},500,${canaryBad + (k % 3)},500,${5 + ((k + 1) % 3)}`,
  );
  await writeFile(file, ['time,canary_total,canary_bad,stable_total,stable_bad', ...rows].join('\n'));
  return file;
}

describe('recorded files', () => {
  test.each([
    ['ends with 0 for a canary that equals stable', 5, 120, 0, 'Pass'],
    ['ends with 3 for one that is five times as bad', 25, 120, 3, 'Fail'],
    ['ends with 4 while undecided', 5, 4, 4, 'Continue'],
  ])('%s', async (_, bad, intervals, code, outcome) => {
    const file = await wideCsv(bad, intervals);
    const ended = await serin('analyze', '--csv', file, '-o', 'json');
    expect([ended.code, ended.stderr]).toEqual([code, '']);
    expect(JSON.parse(ended.stdout)).toMatchObject({ outcome, verdict: { outcome }, intervals });
  });

  test('come as text and as a picture', async () => {
    const file = await wideCsv(25, 120);
    expect((await serin('analyze', '--csv', file)).stdout).toMatch(
      /^✗ Fail: errors: canary 5\.20 % against stable 1\.20 %/,
    );
    expect((await serin('analyze', '--csv', file, '-o', 'svg')).stdout).toMatch(/^<svg [^]*<\/svg>\n$/);
  });

  test('that cannot be judged end with 2, a sentence and no output', async () => {
    const file = join(folder, 'bad.csv');
    await writeFile(file, 'time,arm,total,bad\n2026-01-05T12:00:00Z,canary,5,6\n');
    expect(await serin('analyze', '--csv', file)).toEqual({
      code: 2,
      stdout: '',
      stderr: `${file} line 2 column bad is 6, more than total, 5. Bad events are part of the total: write both as counts of the same interval.\n`,
    });
    expect((await serin('analyze', '--csv', join(folder, 'none.csv'))).stderr).toContain('cannot be read');
    expect((await serin('analyze')).stderr).toContain(
      'Give exactly one of --csv FILE, --json FILE and --prometheus URL.',
    );
  });
});

test('plan reads a Release', async () => {
  const file = join(folder, 'release.yaml');
  await writeFile(
    file,
    'apiVersion: serin.dev/v1alpha1\nkind: Release\nmetadata: {name: web}\nspec:\n  workload: {pair: {members: [web-a, web-b]}}\n' +
      '  strategy: {canary: {stepWeights: [5, 25, 50]}}\n  analysis: {templates: [{name: web}]}\n',
  );
  const { code, stdout } = await serin('plan', '-f', file, '--rps', '120', '--baseline', '0.5%');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^web: 120 requests\/s, 0\.50 % bad now/);
  expect(stdout).toContain('Smallest lasting regression');
});

describeWith(['prometheus'], 'a recording in Prometheus', () => {
  let exporter: ExporterLab;
  let prometheus: PrometheusLab;

  beforeAll(async () => {
    exporter = await startExporter();
    prometheus = await startPrometheus(exporter, 400);
  });
  afterAll(async () => {
    await prometheus?.close();
    await exporter?.close();
  });

  test('is judged by the same rule, without a cluster', { timeout: 60_000 }, async () => {
    const startMs = Date.now();
    const counters = (workload: string, badPart: number) => (): string => {
      const total = 1000 + Math.floor((Date.now() - startMs) / 2);
      const bad = Math.floor(total * badPart);
      const line = (status: number, count: number): string =>
        `istio_requests_total{reporter="destination",destination_workload_namespace="shop",destination_workload="${workload}",response_code="${status}"} ${count}`;
      return `${line(200, total - bad)}\n${line(503, bad)}\n`;
    };
    for (const pod of ['web-a-1', 'web-a-2']) exporter.pods.set(pod, counters('web-a', 0.01));
    exporter.pods.set('web-b-1', counters('web-b', 0.3));
    await prometheus.scrape([...exporter.pods.keys()]);
    await until(() => Date.now() - startMs > 14_000, 20_000, 'some seconds of scrapes');

    const ended = await serin(
      'analyze',
      '--prometheus',
      prometheus.url,
      '--query',
      QUERY,
      '-n',
      'shop',
      '--stable',
      'web-a',
      '--canary',
      'web-b',
      '--from',
      '15s',
      '--interval',
      '1s',
      '--warm-up',
      '1s',
      '-o',
      'json',
    );
    expect([ended.stderr, ended.code]).toEqual(['', 3]);
    const found = JSON.parse(ended.stdout) as {
      outcome: string;
      metric: { canary: { bad: number; total: number }; stable: { bad: number; total: number } };
    };
    expect(found.outcome).toBe('Fail');
    expect(found.metric.canary.bad / found.metric.canary.total).toBeCloseTo(0.3, 1);
    expect(found.metric.stable.bad / found.metric.stable.total).toBeCloseTo(0.01, 1);
    // Some ten seconds at 500 requests a second and pod; what the counters held before the first scrape is not among them.
    expect(found.metric.canary.total).toBeGreaterThan(3000);
    expect(found.metric.canary.total).toBeLessThan(7000);
  });

  test('without the canary says so and ends with 2', async () => {
    const ended = await serin(
      'analyze',
      '--prometheus',
      prometheus.url,
      '--query',
      QUERY,
      '-n',
      'shop',
      '--stable',
      'web-a',
      '--canary',
      'web-c',
      '--from',
      '15s',
      '--interval',
      '1s',
      '--warm-up',
      '1s',
    );
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining('The canary has no request in all')]);
  });
});

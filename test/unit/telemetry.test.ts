import { describe, expect, test } from 'vitest';
import { createTelemetry } from '../../src/telemetry.ts';
import { METRICS, type MetricRow, metricsMarkdown } from '../../src/telemetry-table.ts';

const make = (releaseMetrics = true) => createTelemetry({ version: '1.2.3', releaseMetrics, processMetrics: false });
const web = { namespace: 'shop', name: 'web' };

describe('metrics', () => {
  test('start with what is running', async () => {
    const { body, contentType } = await make().expose();
    expect(body).toContain(`serin_build_info{version="1.2.3",node_version="${process.version}"} 1`);
    expect(contentType).toContain('text/plain');
  });

  test('show exactly one phase for each release', async () => {
    const telemetry = make();
    telemetry.setOnly('serin_release_info', web, 'Waiting');
    telemetry.setOnly('serin_release_info', { namespace: 'shop', name: 'cart' }, 'Idle');
    telemetry.setOnly('serin_release_info', web, 'Progressing');
    const { body } = await telemetry.expose();
    expect(body.match(/^serin_release_info\{.*$/gm)).toEqual([
      'serin_release_info{namespace="shop",name="cart",phase="Idle"} 1',
      'serin_release_info{namespace="shop",name="web",phase="Progressing"} 1',
    ]);
  });

  test('of a release that is gone go, those of others stay', async () => {
    const telemetry = make();
    for (const name of ['web', 'cart']) {
      telemetry.set('serin_release_weight_ratio', { namespace: 'shop', name }, 0.25);
      telemetry.count('serin_verdicts_total', { namespace: 'shop', name, verdict: 'Pass' });
      telemetry.set('serin_analysis_odds', { namespace: 'shop', name, metric: 'errors' }, 3);
    }
    telemetry.forgetRelease('shop', 'web');
    const { body } = await telemetry.expose();
    expect(body).not.toContain('name="web"');
    expect(body.match(/name="cart"/g)).toHaveLength(3);
  });

  test('of single releases can be switched off', async () => {
    const telemetry = make(false);
    telemetry.set('serin_release_step', web, 2);
    telemetry.setOnly('serin_release_info', web, 'Idle');
    telemetry.count('serin_reconcile_total', { kind: 'Release', result: 'ok' });
    const { body } = await telemetry.expose();
    expect(body).not.toContain('name="web"');
    expect(body).toContain('serin_reconcile_total{kind="Release",result="ok"} 1');
  });

  test('are refreshed before they are shown, and one refresh that fails does not hide the rest', async () => {
    const telemetry = make();
    telemetry.onScrape(() => Promise.reject(new Error('redis is down')));
    telemetry.onScrape(() => telemetry.set('serin_queue_jobs', { queue: 'poll', state: 'waiting' }, 7));
    expect((await telemetry.expose()).body).toContain('serin_queue_jobs{queue="poll",state="waiting"} 7');
  });

  test('do not share a registry', async () => {
    const [first, second] = [make(), make()];
    first.count('serin_polls_dropped_total', {}, 3);
    expect((await second.expose()).body).toContain('serin_polls_dropped_total 0');
  });
});

describe('the table of metrics', () => {
  const rows: readonly (readonly [string, MetricRow])[] = Object.entries(METRICS);

  test.each(rows)('%s is named after what it is', (name, row) => {
    expect(name).toMatch(/^serin_[a-z_]+$/);
    if (row.type === 'counter') expect(name).toMatch(/_total$/);
    if (row.type === 'histogram') expect(name).toMatch(/_seconds$/);
    expect(name).not.toMatch(/_(ms|millis|milliseconds|percent|minutes)(_|$)/);
    expect(row.help).toMatch(/^[A-Z0-9].*\.$/);
    if (row.perRelease === true) expect(row.labels).toEqual(expect.arrayContaining(['namespace', 'name']));
  });

  test('lists each once, with its labels', () => {
    const lines = metricsMarkdown().trim().split('\n').slice(2);
    expect(lines).toHaveLength(rows.length);
    expect(lines).toContain('| `serin_queue_jobs` | gauge | `queue`, `state` | Jobs in a queue. |');
  });

  test('is what is exposed', async () => {
    const { body } = await make().expose();
    const exposed = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    expect(exposed.toSorted()).toEqual(rows.map(([name, row]) => `${name} ${row.type}`).toSorted());
  });
});

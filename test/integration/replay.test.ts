/** A run that the poll job judged is judged once more from the same Prometheus, and comes to the same. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AnalysisRun } from '../../src/api/analysis-run.ts';
import { compareReplay } from '../../src/cli/replay/compare.ts';
import { leadingName, pictureOfLooks, renderReplay } from '../../src/cli/replay/render.ts';
import { replayRun } from '../../src/cli/replay/replay-run.ts';
import { renderSvg } from '../../src/judge/render-svg.ts';
import { createPrometheusSource } from '../../src/metrics/prometheus.ts';
import type { MetricSource } from '../../src/metrics/port.ts';
import { createPollLab } from '../support/poll-lab.ts';
import { type ExporterLab, type PrometheusLab, startExporter, startPrometheus, until } from '../support/prometheus.ts';
import { seeded } from '../support/random.ts';
import { describeWith } from '../support/tools.ts';
import { TrafficLab, TrafficPod } from '../support/traffic-lab.ts';

const GRID_MS = 1000;
const never = new AbortController().signal;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describeWith(['prometheus'], 'a replay', () => {
  let exporter: ExporterLab;
  let prometheus: PrometheusLab;
  let source: MetricSource;
  let traffic: TrafficLab;
  let run: AnalysisRun;

  beforeAll(async () => {
    exporter = await startExporter();
    prometheus = await startPrometheus(exporter, 250);
    source = createPrometheusSource({ url: prometheus.url, timeoutMs: 5000 });
    const random = seeded(5);
    traffic = new TrafficLab(exporter, () => random.next());
    for (const n of [1, 2, 3]) traffic.add(new TrafficPod(`bad-v1-6f7d-aaaa${n}`, 'bad-v1', 'stable', 0.02));
    for (const n of [1, 2]) traffic.add(new TrafficPod(`bad-v2-59c4-bbbb${n}`, 'bad-v2', 'canary', 0.4));
    await prometheus.scrape([...traffic.pods.keys()]);
    const upCount = async (): Promise<number> => (await source.instant('up == 1', Date.now(), never)).series.length;
    await until(async () => (await upCount()) === traffic.pods.size, 30_000, 'all pods to be scraped');
    traffic.start();
    await sleep(2000);
    const lab = createPollLab(source, traffic);
    const analysis = { warmUp: '0s', dwell: '3s', atMost: '5m', minRequests: 50, history: '10s' };
    await lab.add({ name: 'bad', stable: 'bad-v1', canary: 'bad-v2', analysis, startedAtMs: Date.now() });
    const poll = lab.worker();
    for (let k = 0; k < 30 && lab.verdict('bad')?.outcome !== 'Fail'; k++) {
      const instantMs = Math.ceil((Date.now() + 1) / GRID_MS) * GRID_MS;
      // Late enough that every scrape of the interval is stored: what comes later is another test's.
      await sleep(instantMs - Date.now() + 300);
      await poll(instantMs);
    }
    run = lab.run('bad');
  }, 120_000);
  afterAll(async () => {
    traffic?.stop();
    await prometheus?.close();
    await exporter?.close();
  });

  test('comes to the same outcome, look by look', async () => {
    const replay = await replayRun(run, undefined, source, never);
    const comparison = compareReplay(replay);
    expect(comparison.isSameOutcome, comparison.differences.join('\n')).toBe(true);
    const outcomes = replay.looks.map(({ verdict }) => verdict.outcome);
    expect(outcomes.at(-1)).toBe('Fail');
    expect(outcomes.slice(0, 2)).toEqual(['Continue', 'Continue']);
    const text = renderReplay(replay.looks, comparison, false, replay.notes);
    expect(text).toMatch(/^END +WEIGHT +VERDICT +REASON +ODDS +ERRORS/);
    expect(text).toMatch(/Fail +ErrorsAboveStable/);
    expect(text).toMatch(/The same (as in the run, bit for bit|outcome as in the run)/);
    const last = replay.looks.at(-1)?.verdict;
    const picture = last === undefined ? undefined : pictureOfLooks(replay.looks, leadingName(last) ?? '');
    expect(picture === undefined ? '' : renderSvg(picture)).toMatch(/^<svg/);
  });

  test('names the intervals that are not what the run says', async () => {
    const [first, ...rest] = run.status?.measurements ?? [];
    const counts = { counts: [9, 10, 0, 20] };
    const changed = { ...first, metrics: { ...(first?.['metrics'] as object), errors: counts } };
    const status = { ...run.status, phase: 'Running' as const, checkpoint: '', measurements: [changed, ...rest] };
    const replay = await replayRun({ ...run, status }, undefined, source, never);
    const { isSame, differences } = compareReplay(replay);
    expect(isSame).toBe(false);
    expect(differences.join('\n')).toMatch(/errors: \{"counts":\[9,10,0,20\]\} then, \{"counts":\[\d/);
  });

  test.each([
    { what: 'was never judged', status: { phase: 'Running' as const }, says: /no status\.intervalEnd/ },
    {
      what: 'keeps no pods',
      status: { phase: 'Running' as const, intervalEnd: '2026-01-01T00:00:00Z' },
      says: /no status\.pods/,
    },
  ])('of a run that $what is refused', async ({ status, says }) => {
    await expect(replayRun({ ...run, status }, undefined, source, never)).rejects.toThrow(says);
  });
});

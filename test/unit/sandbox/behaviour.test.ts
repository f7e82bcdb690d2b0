import { describe, expect, test } from 'vitest';
import { parseBehaviour, parseLatency, type Settings, settingsOf } from '../../../src/sandbox/kubelet/behaviour.ts';
import { createRandom } from '../../../src/sandbox/random.ts';

const given =
  (settings: Record<string, string>): Settings =>
  (name) =>
    settings[name];

describe('behaviour of a sandbox app', () => {
  test('without settings it answers at once and never fails', () => {
    const behaviour = parseBehaviour(given({}), 'v1');
    expect(behaviour).toMatchObject({
      version: 'v1',
      errorStatus: 500,
      readyAfterMs: 0,
      crashAfterMs: undefined,
      calls: [],
    });
    expect(behaviour.errorRate(0)).toBe(0);
    expect(behaviour.latency(0)(Math.random)).toBe(0);
  });

  test.each([
    { text: '0.05', at: [[0, 0.05]] },
    { text: '5%', at: [[0, 0.05]] },
    {
      text: '0.005, 0.05 after 30s',
      at: [
        [0, 0.005],
        [29_999, 0.005],
        [30_000, 0.05],
      ],
    },
    {
      text: '0,1 after 1s,0.5 after 2s',
      at: [
        [999, 0],
        [1_000, 1],
        [5_000, 0.5],
      ],
    },
  ])('error-rate $text', ({ text, at }) => {
    const { errorRate } = parseBehaviour(given({ 'error-rate': text }), 'v1');
    for (const [ageMs, rate] of at) expect(errorRate(ageMs ?? 0)).toBe(rate);
  });

  test('a latency with commas of its own may change over time', () => {
    const { latency } = parseBehaviour(given({ latency: 'uniform(10ms,20ms), constant(1s) after 5s' }), 'v1');
    const early = latency(0)(createRandom('x'));
    expect(early).toBeGreaterThanOrEqual(10);
    expect(early).toBeLessThanOrEqual(20);
    expect(latency(5_000)(Math.random)).toBe(1_000);
  });

  test.each([
    { text: 'lognormal(50ms,0.6)', median: 50, p95: 50 * Math.exp(0.6 * 1.645) },
    { text: 'exponential(20ms)', median: 20 * Math.LN2, p95: 20 * Math.log(20) },
    { text: 'uniform(10ms,30ms)', median: 20, p95: 29 },
    { text: '7ms', median: 7, p95: 7 },
  ])('$text has the median and 95th percentile of its name', ({ text, median, p95 }) => {
    const random = createRandom(text);
    const draw = parseLatency(text);
    const sorted = Array.from({ length: 20_000 }, () => draw(random)).toSorted((a, b) => a - b);
    expect(Math.abs((sorted[10_000] ?? 0) / median - 1)).toBeLessThan(0.04);
    expect(Math.abs((sorted[19_000] ?? 0) / p95 - 1)).toBeLessThan(0.04);
  });

  test.each([
    { setting: 'error-rate', value: '5' },
    { setting: 'error-rate', value: '-0.1' },
    { setting: 'error-rate', value: 'lots' },
    { setting: 'error-rate', value: '' },
    { setting: 'error-rate', value: '0.1, 0.2' },
    { setting: 'error-rate', value: '0.1, 0.2 after soon' },
    { setting: 'error-status', value: '42' },
    { setting: 'latency', value: 'lognormal(50ms)' },
    { setting: 'latency', value: 'lognormal(50,0.6)' },
    { setting: 'latency', value: 'normal(50ms,1)' },
    { setting: 'latency', value: 'lognormal(50ms,-1)' },
    { setting: 'ready-after', value: 'never' },
    { setting: 'crash-after', value: '10' },
    { setting: 'calls', value: 'http://a b/' },
  ])('$setting "$value" is refused by name', ({ setting, value }) => {
    expect(() => parseBehaviour(given({ [setting]: value }), 'v1')).toThrow(
      expect.objectContaining({
        code: 'SERIN_E_INVALID_SPEC',
        message: expect.stringContaining(`sandbox.serin.dev/${setting} is "`),
      }),
    );
  });

  test('calls name a Service with port and path', () => {
    const { calls } = parseBehaviour(given({ calls: 'forecast, api:8080/v1/today?x=1, http://web.shop/' }), 'v1');
    expect(calls).toEqual([
      { authority: 'forecast', path: '/' },
      { authority: 'api:8080', path: '/v1/today?x=1' },
      { authority: 'web.shop', path: '/' },
    ]);
  });

  test('annotations win over the environment', () => {
    const env = [
      { name: 'SANDBOX_ERROR_RATE', value: '0.2' },
      { name: 'SANDBOX_READY_AFTER', value: '3s' },
    ];
    const settings = settingsOf({ 'sandbox.serin.dev/error-rate': '0.1' }, env);
    expect(settings('error-rate')).toBe('0.1');
    expect(settings('ready-after')).toBe('3s');
    expect(settings('latency')).toBeUndefined();
  });
});

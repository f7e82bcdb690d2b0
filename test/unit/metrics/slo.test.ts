import { describe, expect, test } from 'vitest';
import type { ResolvedMetric } from '../../../src/api/analysis-run.ts';
import { checkSlo } from '../../../src/metrics/slo.ts';
import { labRun } from '../../support/library.ts';

const latency = labRun({ startedAtMs: 0, gridMs: 10_000 }).metrics[1] as ResolvedMetric;
const boundaries = [50, 100, 250, 500];

describe('an SLO', () => {
  test.each([
    { sloMs: 250, says: undefined },
    { sloMs: 300, says: /le is 300ms.*Use 250ms or 500ms/ },
    { sloMs: 10, says: /Use 50ms, the nearest/ },
    { sloMs: 2000, says: /le is 2s.*Use 500ms/ },
  ])('of $sloMs ms must be a boundary, or its neighbours are named', ({ sloMs, says }) => {
    const finding = checkSlo({ ...latency, sloMs }, boundaries);
    if (says === undefined) expect(finding).toBeUndefined();
    else expect(finding?.message).toMatch(says);
  });

  test('is not judged before any boundary was seen', () => {
    expect(checkSlo({ ...latency, sloMs: 300 }, [])).toBeUndefined();
  });
});

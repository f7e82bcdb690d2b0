/**
 * abTest as a plan: the requests that match go to the canary, and the judge waits for the whole time before it may say Pass. A Fail ends
 * it at any moment. The population is the match's, so no weight is given before all requests follow.
 */
import type { AbTest } from '../api/ab-test.ts';
import type { ReleaseSpec } from '../api/release.ts';
import { matchFinding } from '../api/request-match.ts';
import { duration, type PlanStep } from './steps.ts';

export function abTestSteps(spec: ReleaseSpec, { match, duration: time }: AbTest, problems: string[]): PlanStep[] {
  const durationMs = duration(time, 'spec.strategy.abTest.duration', problems) ?? 0;
  const found = matchFinding(match, 'spec.strategy.abTest.match');
  if (found !== undefined) problems.push(found.message);
  else if (durationMs === 0)
    problems.push('spec.strategy.abTest.duration is 0s, so nothing could be seen. Write e.g. 2h.');
  if (spec.mode === 'observe')
    problems.push(
      'spec.mode is observe, but only Serin knows which requests match. Leave mode out, or observe a canary.',
    );
  const wait: PlanStep =
    spec.analysis === undefined
      ? { kind: 'pause', durationMs }
      : { kind: 'judge', atLeastMs: durationMs, atMostMs: durationMs, isImplied: false };
  // Nobody knows how many requests match: beside its Deployment the canary gets as many pods as stable has.
  const pods: PlanStep[] =
    spec.workload.deployment === undefined ? [] : [{ kind: 'setReplicas', replicas: { fraction: 1 } }];
  return [...pods, { kind: 'match', match }, wait];
}

/** Whom a run can compare the canary with, and what that leaves of its templates (contracts 18). */
import { type Finding, invalid } from '../api/meta.ts';
import type { ReleaseSpec } from '../api/release.ts';
import { switchOf } from '../release/switching.ts';
import type { MetricDraft } from './resolve-metric.ts';

/** All requests, or all that match, go to one version at a time: what is compared with the other one is shown and decides nothing (contracts 18). */
export function hasControl(spec: Pick<ReleaseSpec, 'strategy'>): boolean {
  const abTest = spec.strategy?.abTest;
  return switchOf(spec) === undefined && (abTest === undefined || abTest.match.share !== undefined);
}

/** Why a run with these templates could never pass. */
export function nothingDecides(spec: Pick<ReleaseSpec, 'strategy'>, field: string): string {
  return hasControl(spec)
    ? `no metric of ${field}.templates is required, so nothing could ever pass. Set required: true on one of them.`
    : `all metrics of ${field}.templates compare with stable, which has no requests at the same time, so nothing could ever pass. Add one with a bound (against: {constant: 1%}) or one that is measured (provider).`;
}

/** What is compared at a step needs requests there. A bound needs only the canary's. */
export function withoutRequests(
  drafts: readonly MetricDraft[],
  requests: 'both' | 'canary' | 'none',
): Finding | undefined {
  const found = drafts.find(({ metric }) =>
    requests === 'none' ? true : requests === 'canary' && metric.against?.constant === undefined,
  );
  if (found === undefined) return undefined;
  const why = requests === 'none' ? 'the canary has no requests' : 'stable has no requests of the same kind';
  return invalid(
    `${found.where} is compared, and at this step ${why}. Put the step after a setWeight between 1 and 99, or name a template that is only measured.`,
  );
}

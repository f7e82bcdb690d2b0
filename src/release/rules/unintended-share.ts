/** The third gate besides metrics (contracts 16): a canary that gets far more or far fewer requests than its weight is not judged by it. */
import type { Finding } from '../../api/meta.ts';
import { formatShare } from '../../judge/format.ts';
import type { Split } from '../../judge/split.ts';
import { isByReplicas, isGated, type Situation } from '../situation.ts';

/** So many times as many requests for each of stable's as intended, or as few, are far from it. */
const FAR = 3;
/** Standard errors that it must be beyond that: no sample is too small, it only shows less. */
const SURE = 3;

/**
 * `more`, `fewer`: the canary surely gets over three times as many requests for each of stable's as `weight` percent would give it, or
 * under a third. At 0 and 100 % nothing is split. By the logarithm of the odds and its standard error (Woolf 1955): each request is
 * drawn by itself.
 */
export function farFrom(weight: number, { canary, stable }: Split): 'more' | 'fewer' | undefined {
  if (!(weight > 0 && weight < 100)) return undefined;
  const off = Math.log(canary / stable) - Math.log(weight / (100 - weight));
  const error = Math.sqrt(1 / canary + 1 / stable);
  // Not so either where a side has none: its error is infinite.
  if (!(Math.abs(off) - SURE * error > Math.log(FAR))) return undefined;
  return off > 0 ? 'more' : 'fewer';
}

/**
 * Held where a router draws requests by the weight, and nothing else is given to the canary besides. Where the share is one of pods, it is as
 * coarse as these are few, and connections keep to their pod; and routes that the spec leaves alone bring requests of their own.
 */
export function unintendedShare(s: Situation): (Finding & { readonly waitingFor: string }) | undefined {
  const { split } = s.verdict ?? {};
  if (split === undefined || isByReplicas(s) || isGated(s)) return undefined;
  if (s.status.beside !== undefined || s.traffic?.isPartial === true) return undefined;
  const far = farFrom(s.status.weight, split);
  if (far === undefined) return undefined;
  const share = formatShare(split.canary / (split.canary + split.stable));
  const around = far === 'more' ? 'its pods' : `those of ${s.workload?.stable.workload ?? 'stable'}`;
  return {
    reason: 'UnintendedShare',
    message: `The canary gets about ${share} of the requests instead of ${s.status.weight} %. Find what leads to ${around} past the route: another VirtualService, clients without a sidecar, another Service. It goes on by itself; promote leaves this step all the same.`,
    waitingFor: 'traffic',
  };
}

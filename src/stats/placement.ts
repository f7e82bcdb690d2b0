/**
 * The placement guard: a canary on few pods may sit on a bad node. From how much more than chance stable pods differ among
 * themselves over the history, the margin is widened by two standard deviations of "k canary pods, drawn like stable ones".
 */
import type { PodEvents } from './dispersion.ts';

/** Standard errors from which on an excess counts up to LIKELY, and from which on in full. */
const SIGNIFICANT = 1.5;
const SURE = 4;
/** What equal pods of one workload may well differ by: sd of ln p. */
const LIKELY = 0.1;

/**
 * Excess standard deviation (of ln p) between stable pods; 0 unless significant at 1.5 standard errors, and then all of it: a part
 * of what is really there would leave a canary on a bad node half protected. But of workloads with equal pods one in twelve looks
 * significant at 1.5, and where pods have few events the excess is then as large as chance among them: 0.25 at 18 events a pod,
 * which would call ×1.6 healthy for the whole run. So more than LIKELY needs 4 standard errors. What this leaves out hurts
 * little: a difference that pods do not show in half an hour is hardly one that the few events of a canary on them do.
 *
 * Any choice is valid for independent requests: the null's margin only grows, by what is known before the first interval.
 */
export function placementSpread(pods: readonly PodEvents[], dispersion: number): number {
  const used = pods.filter((pod) => pod.total > 0);
  const total = used.reduce((sum, pod) => sum + pod.total, 0);
  const bad = used.reduce((sum, pod) => sum + pod.bad, 0);
  if (used.length < 2 || !(bad > 0)) return 0;
  const mean = bad / total;
  let squares = 0;
  let chance = 0;
  let scale = 0;
  for (const pod of used) {
    const expected = pod.total * mean;
    const rest = 1 - pod.total / total;
    squares += (pod.bad - expected) ** 2;
    chance += expected * rest;
    scale += expected * expected * rest;
  }
  chance *= Math.max(1, dispersion);
  const errors = (squares / chance - 1) / Math.sqrt(2 / (used.length - 1));
  if (!(errors > SIGNIFICANT)) return 0;
  const excess = Math.sqrt((squares - chance) / scale);
  return errors > SURE ? excess : Math.min(LIKELY, excess);
}

/** θ0 widened for the number of pods on each side. */
export function guardedMargin(theta0: number, spread: number, canaryPods: number, stablePods: number): number {
  if (spread === 0) return theta0;
  return theta0 * Math.exp(2 * spread * Math.sqrt(1 / Math.max(1, canaryPods) + 1 / Math.max(1, stablePods)));
}

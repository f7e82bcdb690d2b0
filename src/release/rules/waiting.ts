/** When to look again if nothing changes: the nearest time at which a rule would decide otherwise. */
import { isFollowingSteps, isUnderWay, type Situation } from '../situation.ts';
import { NOT_READY_MS, NOT_SERVING_MS } from './aborting.ts';
import { blindSince } from './holds.ts';
import { CONFIG_LOOK_MS } from './configuration.ts';
import { rollingDueMs } from './in-place.ts';
import { retryDueMs } from './retrying.ts';
import { keptUntilMs } from './settled.ts';
import { ARRIVAL_CHECK_MS, CONTEST_PERIOD_MS } from './traffic.ts';

/** While a release is under way somebody looks at least so often, whatever the queue lost. */
const HEARTBEAT_MS = 30_000;
const RECHECK_MS = 1_000;
const DAY_MS = 86_400_000;

export function untilNextLook(s: Situation): number | undefined {
  if (!isUnderWay(s.status))
    return [untilRetry, untilScaleDown, untilForgotten, untilConfig].map((until) => until(s)).reduce(sooner, undefined);
  const due = dueTimes(s).filter((time) => time > s.nowMs);
  const next = Math.min(s.nowMs + HEARTBEAT_MS, ...due);
  return Math.max(1, Math.ceil(next - s.nowMs));
}

const sooner = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);

function untilScaleDown({ status, nowMs }: Situation): number | undefined {
  const at = status.pair?.scaleDownAt;
  // Once it is due, routes that are not as they should be may still hold it up.
  return at === undefined ? undefined : Math.min(DAY_MS, Math.max(Date.parse(at) - nowMs, RECHECK_MS));
}

function untilForgotten(s: Situation): number | undefined {
  const at = keptUntilMs(s);
  return at === undefined || at <= s.nowMs ? undefined : at - s.nowMs;
}

const untilConfig = ({ observed }: Situation): number | undefined =>
  observed.config === undefined ? undefined : CONFIG_LOOK_MS;

/** Outside of a window the time comes later than it is due; then somebody looks again and again. */
function untilRetry(s: Situation): number | undefined {
  const dueMs = retryDueMs(s);
  return dueMs === undefined ? undefined : Math.max(HEARTBEAT_MS, Math.ceil(dueMs - s.nowMs));
}

function dueTimes(s: Situation): readonly number[] {
  const { status, step, plan } = s;
  const due: number[] = [];
  const since = status.step === undefined ? s.nowMs : Date.parse(status.step.since);
  if (step?.kind === 'pause' && step.durationMs !== undefined) due.push(since + step.durationMs);
  if (step?.kind === 'judge' && step.atLeastMs !== undefined) due.push(since + step.atLeastMs);
  if (plan?.progressDeadlineMs !== undefined && status.startedAt !== undefined)
    due.push(Date.parse(status.startedAt) + plan.progressDeadlineMs);
  if (s.observed.config !== undefined) due.push(s.nowMs + CONFIG_LOOK_MS);
  if (s.observed.awaited !== undefined) due.push(s.nowMs + ARRIVAL_CHECK_MS);
  const rolling = rollingDueMs(s);
  if (rolling !== undefined) due.push(rolling);
  const blind = blindSince(s);
  if (blind !== undefined && plan !== undefined && isFollowingSteps(s)) due.push(blind + plan.retreatAfterMs);
  if (status.unreadySince !== undefined)
    due.push(Date.parse(status.unreadySince) + NOT_SERVING_MS, Date.parse(status.unreadySince) + NOT_READY_MS);
  if (status.lastDriftRepair !== undefined) due.push(Date.parse(status.lastDriftRepair) + CONTEST_PERIOD_MS);
  return due.filter(Number.isFinite);
}

/** How often a revision that was rejected may be tried again, and what else speaks against it. Each try has its share of the error probability (contracts 6). */
import type { AnalysisSpec } from '../api/release.ts';
import type { PersonRequest } from './observed.ts';
import { isUnderWay, type Situation } from './situation.ts';
import { switchOf } from './switching.ts';

/** Retries of one revision where the spec does not say. */
const RETRY_LIMIT = 3;

interface Retries {
  /** Tries so far that history still knows. */
  readonly attempts: number;
  readonly limit: number;
  readonly isUsedUp: boolean;
}

const fieldOf = ({ spec }: Situation): string => `${switchOf(spec)?.field ?? 'spec'}.analysis`;

/** Of the release as a whole, wherever its analysis is written. */
export const retrySettings = ({ spec }: Situation): Pick<AnalysisSpec, 'retryLimit' | 'retryAfter'> =>
  switchOf(spec)?.how.analysis ?? spec.analysis ?? {};

export function retriesOf(s: Situation, revision: string): Retries {
  const tries = (s.status.history ?? []).filter((entry) => entry.revision === revision);
  const attempts = Math.max(0, ...tries.map(({ attempt }) => attempt));
  const limit = retrySettings(s).retryLimit ?? RETRY_LIMIT;
  return { attempts, limit, isUsedUp: attempts > limit };
}

/** Why a person's request to retry is refused; `undefined`: it is not. `isElsewhere` says what to do when the revision is not there. */
export function whyNoRetry(
  s: Situation,
  { revision }: PersonRequest,
  isElsewhere: (present: string) => string,
): string | undefined {
  if (isUnderWay(s.status)) return 'The release is still under way. Abort it first, or let it end.';
  const present = s.workload?.canary?.revision;
  if (present !== revision) return isElsewhere(present ?? 'not there any more');
  // A rollout whose own controller gave up waits for somebody, whether its revision was at fault or not.
  const isGivenUp = s.workload?.gate?.position === 'givenUp';
  if (!isGivenUp && !s.status.revision.rejected.includes(revision))
    return `${revision} was not rejected, so there is nothing to retry.`;
  if (s.observed.abortRevision === revision)
    return `The annotation serin.dev/abort still gives up ${revision}. Remove it first.`;
  const { attempts, limit, isUsedUp } = retriesOf(s, revision);
  return isUsedUp
    ? `${revision} was tried ${attempts} times; ${fieldOf(s)}.retryLimit allows ${limit} retries.`
    : undefined;
}

/**
 * (spec, status, what is observed, now) → one Action. The chain is read from the top; the first rule that has something to do
 * does it. Status is the truth and is written first; users' objects follow it in a later pass, so a crash between any two
 * writes leaves nothing to be guessed.
 */
import type { Action } from './action.ts';
import { GATED_RULES } from './gated/rules.ts';
import type { Observed } from './observed.ts';
import { adopt } from './rules/adoption.ts';
import { advance, followEditedPlan } from './rules/advance.ts';
import { finishAborting, startAborting } from './rules/aborting.ts';
import { noteConfig } from './rules/configuration.ts';
import { giveBackOnDeletion } from './rules/deletion.ts';
import { countClosed, holdOrGoOn, retreat } from './rules/holds.ts';
import { obstacleGone, waitForReach, waitForSpec } from './rules/obstacles.ts';
import { keepHold, letEmptyThrough, tellOfPause } from './rules/in-place.ts';
import { observe, stopActing } from './rules/observing.ts';
import { prepareRun, take } from './rules/preparation.ts';
import { retryByItself } from './rules/retrying.ts';
import { present } from './rules/present.ts';
import { promote } from './rules/promotion.ts';
import { scaleForStep, watchReadiness } from './rules/readiness.ts';
import { answerRequest } from './rules/requests.ts';
import { forgetTaken, giveBack, keepRoutes, scaleDown, start } from './rules/settled.ts';
import { endStepRuns, prepareStepRun } from './rules/step-runs.ts';
import { followStable, supersede, supersedeUnreached } from './rules/superseding.ts';
import { tell } from './rules/telling.ts';
import { steerTraffic } from './rules/traffic.ts';
import { untilNextLook } from './rules/waiting.ts';
import { isGated, type Rule, situationOf } from './situation.ts';

/** Order is precedence; `test/unit/release/decide.test.ts` has a row for each rule that must beat a later one. */
const RULES: readonly Rule[] = [
  // Nothing holds up giving back or giving up.
  giveBackOnDeletion,
  startAborting,
  answerRequest,
  forgetTaken,
  supersedeUnreached,
  waitForReach,
  obstacleGone,
  adopt,
  noteConfig,
  // The ground under the release.
  stopActing,
  supersede,
  followStable,
  keepHold,
  finishAborting,
  // Routes follow status before anybody is told.
  take,
  steerTraffic,
  keepRoutes,
  tell,
  endStepRuns,
  letEmptyThrough,
  tellOfPause,
  // The next release, or nothing more to hold for the last one.
  start,
  retryByItself,
  giveBack,
  scaleDown,
  waitForSpec,
  // What must be there before going on.
  prepareRun,
  prepareStepRun,
  observe,
  followEditedPlan,
  watchReadiness,
  scaleForStep,
  // Staying, or going on.
  retreat,
  countClosed,
  holdOrGoOn,
  advance,
  promote,
  present,
];

/** The one thing to do now. Pure and total: equal observations give equal Actions. */
export function nextAction(observed: Observed): Action {
  const situation = situationOf(observed);
  for (const rule of isGated(situation) ? GATED_RULES : RULES) {
    const action = rule(situation);
    if (action !== undefined) return action;
  }
  const requeueAfterMs = untilNextLook(situation);
  return requeueAfterMs === undefined ? { kind: 'wait' } : { kind: 'wait', requeueAfterMs };
}

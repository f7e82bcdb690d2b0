/** The fields of a verdict that `explain` shows, as the analysis job writes them into a run's status. Odds without limit are null in JSON. */
import Type from 'typebox';
import { AnalysisRunStatus } from '../../api/analysis-run.ts';
import { literals } from '../../api/schema.ts';
import { shapeFindings } from '../../api/shape.ts';

const Odds = Type.Union([Type.Number(), Type.Null()]);
const Counts = Type.Object({ bad: Type.Number(), total: Type.Number() });
const Estimate = Type.Object({ estimate: Odds, interval: Type.Object({ low: Odds, high: Odds }) });
const Outcome = literals(['Pass', 'Fail', 'Inconclusive', 'Continue'], 'What was decided.');

export const ShownMetric = Type.Object({
  name: Type.String(),
  outcome: Outcome,
  says: Type.String(),
  odds: Odds,
  share: Type.Number(),
  canary: Counts,
  stable: Counts,
  ratio: Type.Optional(Estimate),
  difference: Type.Optional(Estimate),
  dispersion: Type.Number(),
  dispersionSource: Type.String(),
  usedIntervals: Type.Number(),
  skippedIntervals: Type.Record(Type.String(), Type.Number()),
  tippedBy: Type.Array(Type.Number()),
  passOdds: Odds,
  passAtOdds: Odds,
  effectiveRequests: Type.Number(),
  failRatio: Type.Number(),
});

export const ShownVerdict = Type.Object({
  outcome: Outcome,
  weight: Type.Number(),
  step: Type.Number(),
  intervalEndMs: Type.Number(),
  says: Type.String(),
  odds: Odds,
  abortAtOdds: Odds,
});

const Status = Type.Intersect([
  Type.Omit(AnalysisRunStatus, ['verdict']),
  Type.Object({
    verdict: Type.Optional(
      Type.Intersect([ShownVerdict, Type.Object({ metrics: Type.Optional(Type.Array(ShownMetric)) })]),
    ),
  }),
]);

/** The first thing in a status that nobody could show, as a sentence without what to do. */
export function statusProblem(status: unknown): string | undefined {
  if (status === undefined || status === null) return undefined;
  const [finding] = shapeFindings(Status, status, 'status');
  return finding?.message.replace(/\. (?:Write|See) .*$/, '');
}

/** An AnalysisRun as an explanation: what was decided, by which numbers, which intervals tipped it, and what to ask Prometheus. Pure. */
import { Check } from 'typebox/value';
import type { AnalysisRun, ResolvedMetric } from '../../api/analysis-run.ts';
import { isFields, listAt, numberAt, stringAt } from '../../api/fields.ts';
import type { MetricVerdict, StepVerdict } from '../../judge/verdict.ts';
import { boundarySpellings, literalRegex, quoted } from '../../metrics/escape.ts';
import { graphPath } from './graph.ts';
import { type MeasuredMetric, measuredOf } from './measured.ts';
import { formsOf, selectorOf, type Side } from '../query/forms.ts';
import { ShownMetric, ShownVerdict } from './verdict-shape.ts';

/** Counts of one interval, as the status keeps them. */
export interface Measurement {
  readonly endMs: number;
  readonly weight: number;
  readonly canary: { readonly bad: number; readonly total: number };
  readonly stable: { readonly bad: number; readonly total: number };
  /** Of a gauge: the means of both sides, instead of the counts. */
  readonly gauge?: { readonly canary: number; readonly stable: number };
}

export interface Question {
  readonly side: 'canary' | 'stable' | 'baseline';
  /** PromQL of the side's value, ready to be pasted. */
  readonly query: string;
  /** Path and query of Prometheus' own page for it; goes behind its URL. */
  readonly graph: string;
}

export interface ExplainedMetric {
  readonly name: string;
  readonly rule: ResolvedMetric;
  /** Absent: nothing was judged yet. */
  readonly verdict?: MetricVerdict;
  /** The intervals that moved the evidence most, as far as the status still has them. */
  readonly tipping: readonly Measurement[];
  /** What the questions' value means. */
  readonly value: string;
  readonly questions: readonly Question[];
}

/** Runs beside the one that is explained: those of other steps, or the whole release's. */
export interface Siblings {
  /** The run that the Release's verdict is of, and the run of the whole release. */
  readonly decided?: string;
  readonly whole?: string;
  /** ConfigMaps and Secrets whose content changed with this revision. */
  readonly changed?: readonly string[];
  /** Oldest first. */
  readonly others: readonly {
    readonly name: string;
    readonly startedAt: string;
    readonly phase: string;
    readonly outcome?: string;
    readonly says?: string;
  }[];
}

export interface Explanation {
  readonly run: string;
  readonly namespace: string;
  readonly release: string;
  readonly revision: string;
  readonly attempt: number;
  readonly phase: string;
  readonly startedAtMs: number;
  readonly rule: AnalysisRun['spec']['rule'];
  readonly verdict?: StepVerdict;
  readonly message?: string;
  readonly metrics: readonly ExplainedMetric[];
  /** What providers measured. */
  readonly measured: readonly MeasuredMetric[];
  /** The queries of the newest poll, word for word. */
  readonly asked: readonly string[];
  /** From the cluster only. */
  readonly siblings?: Siblings;
}

export function explainRun(run: AnalysisRun, siblings?: Siblings): Explanation {
  const { spec, status, metadata } = run;
  const verdict = readVerdict(status?.verdict);
  const startedAtMs = Date.parse(spec.startedAt);
  const lastMs = verdict?.intervalEndMs ?? startedAtMs;
  return {
    run: metadata.name,
    namespace: metadata.namespace,
    release: spec.release.name,
    revision: spec.revision,
    attempt: spec.attempt,
    phase: status?.phase ?? 'Running',
    startedAtMs,
    rule: spec.rule,
    ...(verdict === undefined ? {} : { verdict }),
    ...(status?.message === undefined ? {} : { message: status.message }),
    metrics: spec.metrics.map((rule) => {
      const judged = verdict?.metrics.find(({ name }) => name === rule.name);
      const { value, questions } = questionsOf(run, rule, judged, startedAtMs, lastMs);
      return {
        name: rule.name,
        rule,
        ...(judged === undefined ? {} : { verdict: judged }),
        tipping:
          judged === undefined
            ? []
            : measurementsOf(run, rule.name).filter(({ endMs }) => judged.tippedBy.includes(endMs)),
        value,
        questions,
      };
    }),
    measured: measuredOf(run, lastMs),
    asked: status?.queries ?? [],
    ...(siblings === undefined ? {} : { siblings }),
  };
}

/** What the analysis job wrote; a status of another version, or by another hand, may lack what is shown. */
function readVerdict(value: unknown): StepVerdict | undefined {
  if (!isFields(value) || !Check(ShownVerdict, value)) return undefined;
  const metrics = listAt(value, 'metrics').filter((metric) => Check(ShownMetric, metric));
  // Its other fields are those of the judge, which wrote it.
  return { ...value, metrics } as unknown as StepVerdict;
}

function measurementsOf({ status }: AnalysisRun, metric: string): readonly Measurement[] {
  return (status?.measurements ?? []).flatMap((entry) => {
    const endMs = Date.parse(stringAt(entry, 'end') ?? '');
    const counts = listAt(entry, 'metrics', metric, 'counts').map(Number);
    const [canaryBad, canaryTotal, stableBad, stableTotal] = counts;
    const [canary = NaN, stable = NaN] = listAt(entry, 'metrics', metric, 'gauge').map(Number);
    const weight = numberAt(entry, 'weight') ?? 0;
    if (Number.isFinite(canary) && Number.isFinite(endMs)) {
      const none = { bad: 0, total: 0 };
      return [{ endMs, weight, canary: none, stable: none, gauge: { canary, stable } }];
    }
    if (counts.length < 4 || !counts.every(Number.isFinite) || !Number.isFinite(endMs)) return [];
    return [
      {
        endMs,
        weight,
        canary: { bad: canaryBad ?? 0, total: canaryTotal ?? 0 },
        stable: { bad: stableBad ?? 0, total: stableTotal ?? 0 },
      },
    ];
  });
}

function questionsOf(
  { spec, metadata }: AnalysisRun,
  rule: ResolvedMetric,
  verdict: MetricVerdict | undefined,
  fromMs: number,
  toMs: number,
): { readonly value: string; readonly questions: readonly Question[] } {
  const { arms } = spec;
  const baseline = rule.against?.workload;
  const control: readonly { readonly side: Question['side']; readonly workload: string }[] =
    baseline === undefined
      ? [{ side: 'stable', workload: arms.stable.workload }]
      : [{ side: 'baseline', workload: baseline }];
  const sides = [
    { side: 'canary' as const, workload: arms.canary.workload },
    ...(rule.against?.constant === undefined ? control : []),
  ];
  const boundaryMs = verdict?.boundaryMs ?? rule.sloMs;
  const forms = sides.map(({ side, workload }) => ({
    side,
    ...formOf(rule, { namespace: metadata.namespace, workload }, boundaryMs),
  }));
  return {
    value: forms[0]?.value ?? '',
    questions: forms.map(({ side, query }) => ({ side, query, graph: graphPath(query, fromMs, toMs) })),
  };
}

/** For a histogram the part that is slower than the boundary which decides: what is judged, not a quantile. */
function formOf(
  { query }: ResolvedMetric,
  side: Side,
  boundaryMs: number | undefined,
): { readonly value: string; readonly query: string } {
  const { histogram } = query;
  if (
    histogram === undefined ||
    histogram.native === true ||
    boundaryMs === undefined ||
    !Number.isFinite(boundaryMs)
  ) {
    const { value, whole } = formsOf(query, side);
    return { value, query: whole };
  }
  const boundary = histogram.unit === 's' ? boundaryMs / 1000 : boundaryMs;
  const le = `le=~${quoted(boundarySpellings(boundary).map(literalRegex).join('|'))}`;
  const { match, metric } = histogram;
  const buckets = {
    ...query,
    histogram: undefined,
    gauge: { metric: `${metric}_bucket`, ...(match === undefined ? {} : { match }) },
  };
  const { histogram: _, ...asGauge } = buckets;
  const faster = `sum (rate(${selectorOf(asGauge, side, [le])}[5m]))`;
  const all = `sum (rate(${selectorOf(query, side)}[5m]))`;
  return { value: `share of requests slower than ${boundaryMs} ms`, query: `1 - ${faster} / (${all} > 0)` };
}

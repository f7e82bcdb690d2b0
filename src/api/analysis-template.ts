/**
 * AnalysisTemplate and ClusterAnalysisTemplate: what to measure and how to judge it. A superset of Argo Rollouts' spec (`measure.ts`):
 * its templates work unchanged; `compare` is Serin's own.
 */
import Type, { type Static } from 'typebox';
import { AGE, type KindDefinition } from './kind.ts';
import { ArgumentSource, MEASURE_FIELDS, TEMPLATE_FIELDS } from './measure.ts';
import { TYPES } from './meta.ts';
import { MetricQuerySpec } from './metric-query.ts';
import { exactlyOne, listMap, literals, name, percent, rules, text } from './schema.ts';

/** As Argo's, which has no rule of its own: `success-rate`, `SuccessRate`, `p95 latency`. */
const METRIC_LABEL = '^[A-Za-z0-9_]([-A-Za-z0-9._ ]*[A-Za-z0-9_])?$';
const ARGUMENT_NAME = '^[A-Za-z0-9_]([-A-Za-z0-9._]*[A-Za-z0-9_])?$';

/** `0.05pp`, or a plain number where the metric has a unit of its own. */
const amount = (description: string) =>
  Type.String({
    description,
    maxLength: 24,
    pattern: '^((100|[0-9]{1,2}(\\.[0-9]+)?)pp|[0-9]{1,12}(\\.[0-9]{1,9})?)$',
  });

const margin = (description: string) =>
  Type.Object(
    {
      ratio: Type.Optional(
        Type.Number({
          description: 'Canary ÷ stable, e.g. 1.1: up to 10 % worse than stable.',
          minimum: 1,
          maximum: 100,
        }),
      ),
      difference: Type.Optional(
        amount('Canary − stable: percentage points such as 0.05pp; for rates and gauges a number in their unit.'),
      ),
    },
    {
      description,
      ...rules({ rule: 'has(self.ratio) || has(self.difference)', message: 'write ratio, difference or both' }),
    },
  );
const Margin = margin('A margin: canary ≤ ratio × stable + difference.');

export const Compare = Type.Object(
  {
    query: Type.Optional(name('Name of a MetricQuery.')),
    inline: Type.Optional(MetricQuerySpec),
    against: Type.Optional(
      Type.Object(
        {
          constant: Type.Optional(
            Type.String({
              description:
                'An absolute bound, e.g. 1% (of requests), or a number in the unit of a rate. Margins then are margins of this bound.',
              minLength: 1,
              maxLength: 64,
            }),
          ),
          workload: Type.Optional(name('A baseline: another workload of the namespace, that runs what stable runs.')),
        },
        {
          description: 'What the canary is compared with, instead of stable at the same time.',
          ...rules(exactlyOne('constant', 'workload')),
        },
      ),
    ),
    direction: Type.Optional(
      literals(['higher', 'lower', 'either'], 'Which difference is bad: a canary that is higher, lower, or either.', {
        default: 'higher',
      }),
    ),
    fail: Type.Optional(margin('Up to here the canary is healthy; the preset says how far where this is left out.')),
    pass: Type.Optional(margin('Below this the canary is proven good; wider than `fail`. Left out: by the preset.')),
    slo: Type.Optional(
      Type.Object(
        {
          le: Type.String({
            description: 'A boundary of the histogram, e.g. 250ms; it gets half the weight.',
            minLength: 1,
            maxLength: 64,
          }),
        },
        { description: 'The latency that was promised to users.' },
      ),
    ),
    slower: Type.Optional(
      percent(
        'Native histograms: the canary may be this much slower at every quantile, e.g. 20%, and still be healthy.',
      ),
    ),
  },
  {
    description: 'Canary against stable (or a baseline, or a constant), judged sequentially.',
    ...rules(
      exactlyOne('query', 'inline'),
      {
        rule: '!has(self.fail) || !has(self.fail.ratio) || !has(self.pass) || !has(self.pass.ratio) || self.pass.ratio >= self.fail.ratio',
        message:
          'pass.ratio is below fail.ratio: nothing lies between "proven good" and "proven bad"; raise pass or lower fail',
      },
      {
        rule: '!has(self.slo) || !has(self.inline) || has(self.inline.histogram)',
        message: 'slo is for histograms, and the inline query counts events: leave slo out, or give inline a histogram',
      },
    ),
  },
);

export const TemplateMetric = Type.Object(
  {
    name: Type.String({
      description: 'Name of the metric, unique over all templates of a Release.',
      minLength: 1,
      maxLength: 253,
      pattern: METRIC_LABEL,
    }),
    compare: Type.Optional(Compare),
    critical: Type.Optional(Type.Boolean({ description: 'Weighs half of the rollout’s evidence by itself.' })),
    required: Type.Optional(
      Type.Boolean({
        description:
          'Whether a step passes only if this metric does. It can abort either way. Left out: true, for gauges false.',
      }),
    ),
    weight: Type.Optional(
      percent('Its part of the rollout’s evidence, e.g. 30%; the others share the rest. 0%: reported, never decides.'),
    ),
    ...MEASURE_FIELDS,
  },
  {
    description: 'One metric: compared with stable by Serin, or measured by a provider as in Argo Rollouts.',
    ...rules(exactlyOne('compare', 'provider'), {
      rule: '!has(self.provider) || !(has(self.critical) || has(self.required) || has(self.weight))',
      message: 'critical, required and weight are for compare: leave them out, and use dryRun for what must not decide',
    }),
  },
);

export const Argument = Type.Object(
  {
    name: Type.String({ description: 'Name of the argument.', minLength: 1, maxLength: 253, pattern: ARGUMENT_NAME }),
    value: Type.Optional(text('Its value; in a template, the default.', 4096)),
    valueFrom: Type.Optional(ArgumentSource),
  },
  { description: 'An argument, used as {{args.name}} anywhere in the template.' },
);

export const AnalysisTemplateSpec = Type.Object(
  {
    args: Type.Optional(listMap(Argument, 'name', { description: 'Arguments, used as {{args.name}}.', maxItems: 64 })),
    metrics: Type.Optional(listMap(TemplateMetric, 'name', { description: 'What is measured.', maxItems: 32 })),
    ...TEMPLATE_FIELDS,
  },
  {
    description: 'What is measured and how it is judged.',
    ...rules({
      rule: '(has(self.metrics) && size(self.metrics) > 0) || (has(self.templates) && size(self.templates) > 0)',
      message: 'there is nothing to measure: write metrics, or templates that have some',
    }),
  },
);
export type AnalysisTemplateSpec = Static<typeof AnalysisTemplateSpec>;
export type TemplateMetric = Static<typeof TemplateMetric>;
export type Compare = Static<typeof Compare>;
export type Margin = Static<typeof Margin>;
export type Argument = Static<typeof Argument>;

const example = (kind: string, metadata: string): string => `apiVersion: serin.dev/v1alpha1
kind: ${kind}
metadata:
  ${metadata}
spec:
  args:
  - {name: slo-ms, value: "250"}
  metrics:
  - name: errors
    critical: true
    compare:
      query: istio-requests
      fail: {ratio: 1.1}
      pass: {ratio: 1.5, difference: 0.05pp}
  - name: latency
    compare:
      query: istio-latency
      slo: {le: "{{args.slo-ms}}ms"}
  - name: smoke
    interval: 60s
    count: 5
    failureLimit: 1
    successCondition: result == "ok"
    provider:
      web: {url: "http://web-canary.shop/selftest", jsonPath: "{$.status}"}
`;

const columns = [
  {
    name: 'Metrics',
    type: 'string',
    jsonPath: '.spec.metrics[*].name',
    description: 'What is measured (the first one).',
    priority: 1,
  },
  AGE,
] as const;

export const analysisTemplateKind: KindDefinition = {
  type: TYPES.analysisTemplate,
  description: 'What to measure and how to judge it, for the Releases of one namespace.',
  shortNames: ['stpl'],
  categories: ['serin'],
  spec: AnalysisTemplateSpec,
  columns,
  example: example('AnalysisTemplate', 'name: success-and-latency\n  namespace: shop'),
};

export const clusterAnalysisTemplateKind: KindDefinition = {
  type: TYPES.clusterAnalysisTemplate,
  description: 'What to measure and how to judge it, for the Releases of all namespaces.',
  shortNames: ['cstpl'],
  categories: ['serin'],
  spec: AnalysisTemplateSpec,
  columns,
  example: example('ClusterAnalysisTemplate', 'name: success-and-latency'),
};

/** AnalysisTemplate and ClusterAnalysisTemplate: what to measure and how to judge it. */
import Type, { type Static } from 'typebox';
import { MetricQuerySpec } from './metric-query.ts';
import { listMap, name, text } from './schema.ts';

const Margin = Type.Object(
  {
    ratio: Type.Optional(
      Type.Number({
        description: 'Canary ÷ stable, e.g. 1.1: up to 10 % worse than stable.',
        minimum: 1,
        maximum: 100,
      }),
    ),
    difference: Type.Optional(
      Type.String({
        description: 'Canary − stable in percentage points, e.g. 0.05pp.',
        maxLength: 16,
        pattern: '^[0-9]+(\\.[0-9]+)?pp$',
      }),
    ),
  },
  { description: 'A margin: canary ≤ ratio × stable + difference.' },
);

export const Compare = Type.Object(
  {
    query: Type.Optional(name('Name of a MetricQuery.')),
    inline: Type.Optional(MetricQuerySpec),
    fail: Type.Optional(Margin),
    pass: Type.Optional(Margin),
    slo: Type.Optional(
      Type.Object(
        {
          le: Type.String({
            description: 'A boundary of the histogram, e.g. 250ms; it gets half the weight.',
            maxLength: 64,
          }),
        },
        { description: 'The latency that was promised to users.' },
      ),
    ),
  },
  { description: 'Canary against stable, judged sequentially.' },
);

export const TemplateMetric = Type.Object({
  name: name('Name of the metric, unique in the template.'),
  compare: Type.Optional(Compare),
  critical: Type.Optional(Type.Boolean({ description: 'Weighs half of the rollout’s evidence by itself.' })),
});

export const Argument = Type.Object({
  name: name('Name of the argument.'),
  value: Type.Optional(text('Its value; in a template, the default.')),
});

export const AnalysisTemplateSpec = Type.Object({
  args: Type.Optional(listMap(Argument, 'name', { description: 'Arguments, used as {{args.name}}.', maxItems: 64 })),
  metrics: listMap(TemplateMetric, 'name', { description: 'What is measured.', minItems: 1, maxItems: 32 }),
});
export type AnalysisTemplateSpec = Static<typeof AnalysisTemplateSpec>;
export type TemplateMetric = Static<typeof TemplateMetric>;
export type Compare = Static<typeof Compare>;
export type Margin = Static<typeof Margin>;
export type Argument = Static<typeof Argument>;

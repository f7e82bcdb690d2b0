/** Every CEL rule of the CRDs with values that it admits and values that it refuses. */
import { analysisRunKind } from '../../src/api/analysis-run.ts';
import { analysisTemplateKind } from '../../src/api/analysis-template.ts';
import type { KindDefinition } from '../../src/api/kind.ts';
import { metricQueryKind } from '../../src/api/metric-query.ts';
import { releaseKind } from '../../src/api/release.ts';
import { specOf, withField } from './specs.ts';

export interface CelCase {
  /** Where the rule stands, as the reference page writes it. */
  readonly path: string;
  readonly says: string;
  readonly field: string;
  readonly pass: readonly unknown[];
  readonly fail: readonly unknown[];
}

const LONG = [...Array(31).keys()].map((index) => index + 1);
const counts = { total: { metric: 'a_total' }, bad: { metric: 'b_total' } };
const inline = { summary: 'x', labels: { workload: 'w' }, counts };
const histogram = { summary: 'x', labels: { workload: 'w' }, histogram: { metric: 'h' } };
const ratios = (fail?: number, pass?: number) => ({
  query: 'q',
  ...(fail === undefined ? {} : { fail: { ratio: fail } }),
  ...(pass === undefined ? {} : { pass: { ratio: pass } }),
});
const steps = (...list: unknown[]) => ({ steps: list });

const inMode = (workload: unknown, mode?: string) => ({
  workload,
  strategy: { canary: { stepWeights: [5] } },
  ...(mode === undefined ? {} : { mode }),
});
const withSwitch = (traffic: unknown, more: unknown = {}) => ({
  workload: { pair: { members: ['a', 'b'] } },
  strategy: { blueGreen: {} },
  ...(traffic === undefined ? {} : { traffic }),
  ...(more as object),
});
const theService = { service: { name: 'web' } };
const theRoute = { istio: { virtualService: { name: 'web' } } };
const phase = { templates: [{ name: 'web' }] };
const recreated = (after: unknown) => withSwitch(undefined, { strategy: { recreate: { analysis: { after } } } });
const judgedSwitch = (analysis: unknown) => withSwitch(theService, { strategy: { blueGreen: { analysis } } });
const pairOfTwo = { pair: { members: ['a', 'b'] } };
const one = { deployment: { name: 'web' } };

const release: readonly CelCase[] = [
  {
    path: 'spec',
    says: 'mode observe needs a canary that somebody else runs',
    field: '',
    pass: [inMode(pairOfTwo, 'observe'), inMode(one), inMode(one, 'act')],
    fail: [inMode(one, 'observe')],
  },
  {
    path: 'spec',
    says: 'a Service sends all requests to one version',
    field: '',
    pass: [withSwitch(theService), withSwitch(theRoute)],
    fail: [withSwitch(theService, { strategy: { canary: { stepWeights: [5] } } })],
  },
  {
    path: 'spec',
    says: 'blueGreen switches a Service: name it',
    field: '',
    pass: [withSwitch(theService)],
    fail: [withSwitch(undefined)],
  },
  {
    path: 'spec',
    says: 'there is no control at the same time',
    field: '',
    pass: [withSwitch(theService), withSwitch(undefined, { strategy: { recreate: {} } })],
    fail: [
      withSwitch(theService, { analysis: { templates: [{ name: 'web' }] } }),
      withSwitch(undefined, { strategy: { recreate: {} }, analysis: { templates: [{ name: 'web' }] } }),
    ],
  },
  {
    path: 'spec.strategy.blueGreen.analysis',
    says: 'nothing is judged',
    field: '',
    pass: [judgedSwitch({ before: phase }), judgedSwitch({ after: phase })],
    fail: [judgedSwitch({}), judgedSwitch({ falseAbort: '1%' })],
  },
  {
    path: 'spec.strategy.recreate.analysis.after',
    says: 'dwell is longer than atMost',
    field: '',
    pass: [recreated({ ...phase, dwell: '3m', atMost: '3m' })],
    fail: [recreated({ ...phase, dwell: '4m', atMost: '3m' })],
  },
  {
    path: 'spec.strategy.recreate.analysis.after.templates',
    says: 'a template is named twice',
    field: '',
    pass: [recreated({ templates: [{ name: 'a' }, { name: 'b' }] })],
    fail: [recreated({ templates: [{ name: 'a' }, { name: 'a' }] })],
  },
  ...(['before', 'after'] as const).flatMap((which): readonly CelCase[] => [
    {
      path: `spec.strategy.blueGreen.analysis.${which}`,
      says: 'dwell is longer than atMost',
      field: '',
      pass: [judgedSwitch({ [which]: { ...phase, dwell: '3m', atMost: '3m' } })],
      fail: [judgedSwitch({ [which]: { ...phase, dwell: '4m', atMost: '3m' } })],
    },
    {
      path: `spec.strategy.blueGreen.analysis.${which}.templates`,
      says: 'a template is named twice',
      field: '',
      pass: [judgedSwitch({ [which]: { templates: [{ name: 'a' }, { name: 'b' }] } })],
      fail: [judgedSwitch({ [which]: { templates: [{ name: 'a' }, { name: 'a' }] } })],
    },
  ]),
  {
    path: 'spec.windows[]',
    says: 'the window opens and closes at the same time',
    field: 'windows',
    pass: [[{ from: '09:00', to: '16:00' }], [{ from: '22:00', to: '04:00' }]],
    fail: [[{ from: '09:00', to: '09:00' }]],
  },
  {
    path: 'spec.freezes[]',
    says: 'the freeze ends before it begins',
    field: 'freezes',
    pass: [[{ from: '2026-12-01T00:00:00Z', to: '2026-12-02T00:00:00Z' }]],
    fail: [[{ from: '2026-12-02T00:00:00Z', to: '2026-12-01T00:00:00Z' }]],
  },
  {
    path: 'spec.workload',
    says: 'write exactly one of pair',
    field: 'workload',
    pass: [{ pair: { members: ['a', 'b'] } }, { deployment: { name: 'web' } }],
    fail: [{}, { pair: { members: ['a', 'b'] }, deployment: { name: 'web' } }],
  },
  {
    path: 'spec',
    says: 'strategy is missing',
    field: 'strategy',
    pass: [{ canary: { stepWeights: [5] } }],
    fail: [undefined],
  },
  {
    path: 'spec',
    says: 'the rollout object owns its steps',
    field: 'workload',
    pass: [{ pair: { members: ['a', 'b'] } }],
    fail: [{ argoRollout: { name: 'web' } }, { kruiseRollout: { name: 'web' } }],
  },
  {
    path: 'spec.workload.pair.members',
    says: 'the two members are the same',
    field: 'workload.pair.members',
    pass: [['a', 'b']],
    fail: [['a', 'a']],
  },
  {
    path: 'spec.traffic',
    says: 'write exactly one of istio, service',
    field: 'traffic',
    pass: [undefined, { istio: { virtualService: { name: 'web' } } }],
    fail: [{}, { nginx: {} }],
  },
  {
    path: 'spec.strategy',
    says: 'write exactly one of canary, blueGreen, abTest',
    field: 'strategy',
    pass: [{ canary: { stepWeights: [5] } }],
    fail: [{}, { canary: { stepWeights: [5] }, blueGreen: {} }],
  },
  {
    path: 'spec.strategy.abTest.match',
    says: 'it matches every request',
    field: 'strategy',
    pass: [{ abTest: { match: { headers: { group: { exact: 'b' } }, share: 50 }, duration: '2h' } }],
    fail: [{ abTest: { match: { share: 50 }, duration: '2h' } }],
  },
  ...['headers', 'cookies'].map(
    (where): CelCase => ({
      path: `spec.strategy.abTest.match.${where}.*`,
      says: 'write exactly one of exact, prefix, regex',
      field: 'strategy',
      pass: [{ abTest: { match: { [where]: { group: { prefix: 'b' } } }, duration: '2h' } }],
      fail: [{ abTest: { match: { [where]: { group: { exact: 'b', regex: 'b' } } }, duration: '2h' } }],
    }),
  ),
  {
    path: 'spec.strategy.canary',
    says: 'write exactly one of stepWeights, steps',
    field: 'strategy.canary',
    pass: [{ stepWeights: [5] }, steps({ setWeight: 5 })],
    fail: [{}, { stepWeights: [5], ...steps({ setWeight: 5 }) }],
  },
  {
    path: 'spec.strategy.canary.stepWeights',
    says: 'the weights do not rise',
    field: 'strategy.canary.stepWeights',
    pass: [[5], [5, 25, 50], [...LONG, 100], [1, 100]],
    fail: [
      [5, 5],
      [25, 5],
      [5, 25, 24],
      [...LONG, 31],
    ],
  },
  {
    path: 'spec.strategy.canary.steps',
    says: 'no step gives the canary any requests',
    field: 'strategy.canary',
    pass: [steps({ pause: {} }, { setWeight: 1 })],
    fail: [steps({ pause: {} }), steps({ setWeight: 0 })],
  },
  {
    path: 'spec.strategy.canary.steps[]',
    says: 'write exactly one of setWeight, judge, pause, setReplicas',
    field: 'strategy.canary',
    pass: [steps({ setWeight: 5 }, { judge: {} }, { pause: {} }, { setReplicas: 2 }, { setReplicas: '50%' })],
    fail: [steps({ setWeight: 5 }, {}), steps({ setWeight: 5, pause: {} }), steps({ setWeight: 5 }, { tint: 10 })],
  },
  {
    path: 'spec.strategy.canary.steps[].match',
    says: 'it matches every request',
    field: 'strategy.canary',
    pass: [
      steps({ setWeight: 5 }, { match: { headers: { 'x-canary': { exact: '1' } } } }),
      steps({ setWeight: 5 }, { match: { cookies: { group: { prefix: 'b' } }, share: 50 } }),
    ],
    fail: [steps({ setWeight: 5 }, { match: {} }), steps({ setWeight: 5 }, { match: { share: 50 } })],
  },
  ...['headers', 'cookies'].map(
    (where): CelCase => ({
      path: `spec.strategy.canary.steps[].match.${where}.*`,
      says: 'write exactly one of exact, prefix, regex',
      field: 'strategy.canary',
      pass: [steps({ setWeight: 5 }, { match: { [where]: { group: { regex: 'b|c' } } } })],
      fail: [
        steps({ setWeight: 5 }, { match: { [where]: { group: {} } } }),
        steps({ setWeight: 5 }, { match: { [where]: { group: { exact: 'b', prefix: 'b' } } } }),
      ],
    }),
  ),
  {
    path: 'spec.strategy.canary.steps[].analysis.templates',
    says: 'a template is named twice',
    field: 'strategy.canary',
    pass: [steps({ setWeight: 5 }, { analysis: { templates: [{ name: 'smoke' }, { name: 'other' }] } })],
    fail: [steps({ setWeight: 5 }, { analysis: { templates: [{ name: 'smoke' }, { name: 'smoke' }] } })],
  },
  {
    path: 'spec.strategy.canary.steps[].judge',
    says: 'atLeast is longer than atMost',
    field: 'strategy.canary',
    pass: [
      steps(
        { setWeight: 5 },
        { judge: { atLeast: '1m', atMost: '1m' } },
        { judge: { atLeast: '59m' } },
        { judge: { atLeast: '59m', atMost: '1h' } },
      ),
    ],
    fail: [steps({ setWeight: 5 }, { judge: { atLeast: '61m', atMost: '1h' } })],
  },
  {
    path: 'spec.analysis.templates',
    says: 'a template is named twice',
    field: 'analysis.templates',
    pass: [
      [{ name: 'a' }, { name: 'b' }],
      [{ name: 'a' }, { name: 'a', clusterScope: true }],
      [{ name: 'a' }, { name: 'a', group: 'argoproj.io' }],
    ],
    fail: [
      [{ name: 'a' }, { name: 'a' }],
      [{ name: 'a', clusterScope: false }, { name: 'a' }],
    ],
  },
  {
    path: 'spec.analysis',
    says: 'dwell is longer than atMost',
    field: 'analysis',
    pass: [
      { templates: [{ name: 'a' }] },
      { templates: [{ name: 'a' }], dwell: '3m', atMost: '15m' },
      { templates: [{ name: 'a' }], dwell: '3h' },
    ],
    fail: [{ templates: [{ name: 'a' }], dwell: '16m', atMost: '15m' }],
  },
  {
    path: 'spec.notify[]',
    says: 'write exactly one of slack, webhook',
    field: 'notify',
    pass: [
      [],
      [{ slack: { secretRef: { name: 'a', key: 'b' } } }, { webhook: { secretRef: { name: 'a', key: 'b' } } }],
    ],
    fail: [[{}], [{ slack: { secretRef: { name: 'a', key: 'b' } }, webhook: { secretRef: { name: 'a', key: 'b' } } }]],
  },
];

const template: readonly CelCase[] = [
  {
    path: 'spec',
    says: 'there is nothing to measure',
    field: '',
    pass: [
      { metrics: [{ name: 'a', compare: { query: 'q' } }] },
      { templates: [{ templateName: 'other' }] },
      { metrics: [], templates: [{ templateName: 'other', clusterScope: true }] },
    ],
    fail: [{}, { metrics: [] }, { metrics: [], templates: [] }],
  },
  {
    path: 'spec.metrics[]',
    says: 'write exactly one of compare, provider',
    field: 'metrics[0]',
    pass: [
      { name: 'a', compare: { query: 'q' } },
      { name: 'a', provider: { web: { url: 'http://x' } }, count: '{{args.n}}', failureLimit: -1 },
    ],
    fail: [{ name: 'a' }, { name: 'a', compare: { query: 'q' }, provider: { job: { spec: {} } } }],
  },
  {
    path: 'spec.metrics[]',
    says: 'critical, required and weight are for compare',
    field: 'metrics[0]',
    pass: [{ name: 'a', compare: { query: 'q' }, critical: true, required: true, weight: '10%' }],
    fail: [
      { name: 'a', provider: { job: { spec: {} } }, critical: true },
      { name: 'a', provider: { job: { spec: {} } }, weight: '10%' },
    ],
  },
  {
    path: 'spec.metrics[].compare',
    says: 'write exactly one of query, inline',
    field: 'metrics[0].compare',
    pass: [{ query: 'q' }, { inline }],
    fail: [{}, { query: 'q', inline }],
  },
  {
    path: 'spec.metrics[].compare',
    says: 'pass.ratio is below fail.ratio',
    field: 'metrics[0].compare',
    pass: [ratios(), ratios(1.1), ratios(undefined, 1.5), ratios(1.1, 1.5), ratios(1.1, 1.1)],
    fail: [ratios(1.5, 1.1)],
  },
  {
    path: 'spec.metrics[].compare',
    says: 'slo is for histograms',
    field: 'metrics[0].compare',
    pass: [{ query: 'q', slo: { le: '250ms' } }, { inline: histogram, slo: { le: '250ms' } }, { inline }],
    fail: [{ inline, slo: { le: '250ms' } }],
  },
  {
    path: 'spec.metrics[].compare.against',
    says: 'write exactly one of constant, workload',
    field: 'metrics[0].compare.against',
    pass: [{ constant: '1%' }, { workload: 'web-baseline' }],
    fail: [{}, { constant: '1%', workload: 'web-baseline' }],
  },
  ...(['fail', 'pass'] as const).map(
    (side): CelCase => ({
      path: `spec.metrics[].compare.${side}`,
      says: 'write ratio, difference or both',
      field: `metrics[0].compare.${side}`,
      pass: [{ ratio: 1.5 }, { difference: '0.1pp' }, { ratio: 1.5, difference: '0.1pp' }],
      fail: [{}],
    }),
  ),
];

/** The rules of a query stand wherever a query stands. */
const query = (path: string, field: string): readonly CelCase[] => [
  {
    path,
    says: 'write exactly one of counts, histogram',
    field,
    pass: [inline, histogram],
    fail: [
      { summary: 'x', labels: { workload: 'w' } },
      { ...inline, ...histogram },
    ],
  },
  {
    path: `${path}.labels`,
    says: 'workload is missing',
    field,
    pass: [inline],
    fail: [{ ...inline, labels: { pod: 'p' } }],
  },
];

export const CEL_CASES: readonly { readonly kind: KindDefinition; readonly cases: readonly CelCase[] }[] = [
  { kind: releaseKind, cases: release },
  {
    kind: analysisTemplateKind,
    cases: [...template, ...query('spec.metrics[].compare.inline', 'metrics[0].compare.inline')],
  },
  { kind: metricQueryKind, cases: query('spec', '') },
  { kind: analysisRunKind, cases: query('spec.metrics[].query', 'metrics[0].query') },
];

/** The example that a case changes: an inline query stands instead of a named one. */
export const celBase = (kind: KindDefinition, field: string): unknown =>
  field.endsWith('.inline') ? withField(specOf(kind), 'metrics[0].compare', {}) : specOf(kind);

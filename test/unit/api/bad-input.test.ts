/** Releases, templates and queries that are wrong: each is refused by the schema or by a sentence, and nothing throws. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analysisTemplateKind } from '../../../src/api/analysis-template.ts';
import type { KindDefinition } from '../../../src/api/kind.ts';
import type { Finding } from '../../../src/api/meta.ts';
import { metricQueryKind } from '../../../src/api/metric-query.ts';
import { reasons } from '../../../src/api/reasons.ts';
import { releaseKind } from '../../../src/api/release.ts';
import { validateQuery } from '../../../src/api/validate-query.ts';
import { validateTemplate } from '../../../src/api/validate-template.ts';
import { validateRelease } from '../../../src/api/validate.ts';
import { refusals } from '../../support/admission.ts';
import { RE2_BAD } from '../../support/regexes.ts';
import { objectWith, specOf, withField } from '../../support/specs.ts';

interface Bad {
  readonly field: string;
  readonly value: unknown;
}

const MEGABYTE = 'a'.repeat(1_048_576);
const DEEP = Array.from({ length: 9_000 }).reduce<unknown>((inner) => ({ regex: inner }), 'x');
const BREAK_OUT = ['x"} or vector(1) #', 'a{b="c"}', 'a\nb', 'a b', "a'b", 'ä', '0a', 'a\\', '{{', ''];

const each = (field: string, ...values: readonly unknown[]): readonly Bad[] =>
  values.map((value) => ({ field, value }));
/** Wrong in any place where a word stands. */
const notText = [5, true, {}, [], null] as const;
const notName = [...notText, '', 'Web', 'a_b', '-a', 'a b', 'a\n', '../x', MEGABYTE] as const;
const notDuration = [
  ...notText,
  '',
  '5',
  '5 m',
  '1d',
  '-5m',
  '1e9s',
  'm',
  'P1D',
  '5m\n',
  '9'.repeat(33),
  MEGABYTE,
] as const;
const notInteger = ['5', 2.5, -1, true, null, {}, 1e300] as const;
const notObject = [5, 'x', [], null, true] as const;
const notList = [5, 'x', {}, null] as const;
const steps = (...list: readonly unknown[]): unknown => ({ steps: list });
const inline = { summary: 'x', labels: { workload: 'w' }, counts: { total: { metric: 'a' }, bad: { metric: 'b' } } };

const badReleases: readonly Bad[] = [
  ...each('', ...notObject, {}, { workload: {} }),
  ...each('workload', ...notObject, undefined, {}, { deployment: {} }, { argoRollout: { name: 'web' } }),
  ...each(
    'workload.pair.members',
    ...notList,
    [],
    ['a'],
    ['a', 'b', 'c'],
    ['a', 'a'],
    ['a', 5],
    ['a', 'B'],
    ['a', MEGABYTE],
  ),
  ...each('traffic', ...notObject, {}, { ingress: { name: 'web' } }, { none: {} }),
  ...each('traffic.istio', ...notObject, {}),
  ...each('traffic.istio.virtualService.name', undefined, ...notName),
  ...each(
    'traffic.istio.virtualService.routes',
    ...notList,
    [],
    [''],
    [5],
    ['a', 'a'],
    [MEGABYTE],
    Array.from({ length: 65 }, (_, i) => `r${i}`),
  ),
  ...each('traffic.istio.destinationRule', ...notObject, {}),
  ...each('traffic.istio.destinationRule.name', ...notName),
  ...each(
    'strategy',
    ...notObject,
    undefined,
    {},
    { blueGreen: {} },
    { rollingUpdate: {} },
    { recreate: {} },
    { abTest: {} },
  ),
  ...each('strategy.canary', ...notObject, {}, { stepWeights: [5], steps: [{ setWeight: 5 }] }),
  ...each(
    'strategy.canary.stepWeights',
    ...notList,
    [],
    [0],
    [150],
    [-5],
    [2.5],
    ['5'],
    [5, 5],
    [50, 5],
    [null],
    Array.from({ length: 33 }, (_, i) => i + 1),
    [100],
  ),
  ...each(
    'strategy.canary',
    steps(),
    steps({}),
    steps(5),
    steps({ setWeight: 150 }),
    steps({ setWeight: '5' }),
    steps({ setWeight: 5, pause: {} }),
    steps({ setWeight: 5 }, { judge: 5 }),
    steps({ setWeight: 5 }, { judge: { atLeast: '2h', atMost: '1h' } }),
    steps({ setWeight: 5 }, { judge: { atLeast: '1 day' } }),
    steps({ setWeight: 5 }, { pause: { duration: 'soon' } }),
    steps({ judge: {} }, { setWeight: 5 }),
    steps({ setWeight: 0 }),
    steps({ setWeight: 100 }),
    steps({ pause: {} }),
    steps({ setWeight: 5 }, { setReplicas: -1 }),
    steps({ setWeight: 5 }, { setReplicas: 'all' }),
    steps({ setWeight: 5 }, { setReplicas: '5000%' }),
    steps({ setWeight: 5 }, { setReplicas: 1.5 }),
    steps({ setWeight: 5 }, { setReplicas: MEGABYTE }),
    steps({ setWeight: 5 }, { mirror: -1 }),
    steps({ setWeight: 5 }, { mirror: '10%' }),
    steps({ setWeight: 5 }, { match: 'all' }),
    steps({ setWeight: 5 }, { match: { headers: {} } }),
    steps({ setWeight: 5 }, { match: { headers: { 'X-A': { exact: '1' } } } }),
    steps({ setWeight: 5 }, { match: { headers: { a: { regex: '(' } } } }),
    steps({ setWeight: 5 }, { match: { headers: { a: MEGABYTE } } }),
    steps({ setWeight: 5 }, { match: { headers: { a: { exact: '1' } }, share: 100 } }),
    steps({ setWeight: 5 }, { analysis: {} }),
    steps({ setWeight: 5 }, { analysis: { templates: [] } }),
    steps({ setWeight: 5 }, { setWeight: 0 }),
    steps(...Array.from({ length: 65 }, () => ({ setWeight: 5 }))),
  ),
  ...each('analysis', ...notObject, {}),
  ...each(
    'analysis.templates',
    ...notList,
    [],
    [{}],
    [5],
    [{ name: 'a' }, { name: 'a' }],
    Array.from({ length: 9 }, (_, i) => ({ name: `t${i}` })),
  ),
  ...each('analysis.templates[0].name', ...notName),
  ...each('analysis.templates[0].clusterScope', 'yes', 1, null),
  ...each(
    'analysis.args',
    ...notList.filter((value) => value !== null),
    [{}],
    [{ name: 'a' }],
    [{ name: 'a', value: 5 }],
    [
      { name: 'a', value: '1' },
      { name: 'a', value: '2' },
    ],
    [{ name: 'a', value: 'x\ny' }],
    [{ name: 'a', value: '{{args.a}}' }],
    [{ name: 'a', value: MEGABYTE }],
  ),
  ...each('analysis.preset', ...notText.filter((value) => value !== null), 'brave', 'Sharp', ''),
  ...each('analysis.falseAbort', ...notText, '', '5', '0%', '60%', '101%', '-5%', '5 %', '0.00000001%', 'NaN%'),
  ...each('analysis.onInconclusive', ...notText.filter((value) => value !== null), 'ignore', ''),
  ...['retreatAfter', 'interval', 'warmUp', 'dwell', 'atMost', 'history'].flatMap((name) =>
    each(`analysis.${name}`, ...notDuration.filter((value) => value !== null), '99999999h'),
  ),
  ...each('analysis.retreatAfter', '0s'),
  ...each('analysis.interval', '0s', '10ms'),
  ...each('analysis', { templates: [{ name: 'a' }], dwell: '2h', atMost: '1h' }),
  ...each('analysis.minRequests', ...notInteger),
  ...each('analysis.retryLimit', ...notInteger, 11),
  ...each('mode', ...notText.filter((value) => value !== null), 'simulate', ''),
  ...each('progressDeadline', ...notDuration, '0s', '99999999h'),
  ...each(
    'strategy.canary.steps',
    [{ setWeight: 5 }, { gate: {} }],
    [{ setWeight: 5 }, { gate: { url: 'ftp://gate' } }],
    [{ setWeight: 5 }, { gate: { url: 'https://' } }],
    [{ setWeight: 5 }, { notify: {} }],
    [{ setWeight: 5 }, { notify: { message: '' } }],
    [{ setWeight: 5 }, { notify: { message: 'x' }, gate: { url: 'https://gate' } }],
  ),
  ...each('analysis.retryAfter', ...notDuration, '0s'),
  ...each(
    'windows',
    ...notList,
    [],
    [{}],
    [{ from: '9:00', to: '16:00' }],
    [{ from: '09:00', to: '25:00' }],
    [{ from: '09:00', to: '09:00' }],
    [{ from: '09:00', to: '16:00', days: ['Monday'] }],
    [{ from: '09:00', to: '16:00', timeZone: 'Nowhere/Land' }],
  ),
  ...each(
    'freezes',
    ...notList,
    [{ from: 'x', to: 'y' }],
    [{ from: '2026-12-02T00:00:00Z', to: '2026-12-01T00:00:00Z' }],
  ),
  ...each('paused', 'yes', 1, null, {}),
  ...each(
    'notify',
    ...notList,
    [{}],
    [5],
    [{ slack: {} }],
    [{ teams: {} }],
    [{ slack: { secretRef: { name: 'a' } } }],
    [{ slack: { secretRef: { name: 'A B', key: 'k' } } }],
  ),
  ...each('notify', [
    { slack: { secretRef: { name: 'a', key: 'b' } }, webhook: { secretRef: { name: 'a', key: 'b' } } },
  ]),
];

const badTemplates: readonly Bad[] = [
  ...each('', ...notObject, {}),
  ...each(
    'args',
    ...notList,
    [{}],
    [{ name: 'A' }],
    [{ name: 'a' }, { name: 'a' }],
    Array.from({ length: 65 }, (_, i) => ({ name: `a${i}` })),
  ),
  // Arguments that lead in circles: to themselves, and to each other.
  ...each(
    'args',
    [{ name: 'slo-ms', value: '{{args.slo-ms}}' }],
    [
      { name: 'slo-ms', value: '{{args.b}}' },
      { name: 'b', value: '{{args.slo-ms}}' },
    ],
  ),
  ...each('args', []),
  ...each(
    'metrics',
    ...notList,
    undefined,
    [],
    [{}],
    [{ name: 'a' }],
    [5],
    Array.from({ length: 33 }, (_, i) => ({ name: `m${i}`, compare: { query: 'q' } })),
  ),
  ...each('metrics', [
    { name: 'a', compare: { query: 'q' } },
    { name: 'a', compare: { query: 'q' } },
  ]),
  ...each('metrics[0].name', undefined, ...notText, '', '-a', 'a ', 'a\n', '../x', 'a/b', '{{args.x}}', MEGABYTE),
  ...each('metrics[2].provider', undefined, ...notObject),
  ...each('metrics[2].compare', { query: 'q' }),
  ...each('metrics[2].critical', true),
  ...each('metrics[2].weight', '10%'),
  ...each('metrics[2].interval', ...notText.filter((value) => value !== null), MEGABYTE),
  ...each('metrics[2].successCondition', 5, true, {}, []),
  ...each('metrics[2].provider.web.url', 'http://{{args.unknown}}', '{{ slo-ms }}'),
  ...each('metrics[0].failureLimit', 1),
  ...each('metrics[0].interval', '1m'),
  ...each('dryRun', 5, {}, [5], [{}], [{ metricName: 5 }]),
  ...each('measurementRetention', [{ metricName: '.*' }], [{ metricName: '.*', limit: -1 }], [{ limit: 5 }]),
  ...each('templates', 5, [5], [{}], [{ templateName: 5 }], [{ templateName: 'x', clusterScope: 'yes' }]),
  ...each('args[0].valueFrom', 5, { secretKeyRef: {} }, { fieldRef: {} }),
  ...each('args[1]', {
    name: 'two',
    valueFrom: { secretKeyRef: { name: 'a', key: 'b' }, fieldRef: { fieldPath: 'metadata.name' } },
  }),
  ...each('metrics[0].critical', 'yes', 1, {}),
  ...each('metrics[0].compare', ...notObject, {}, { query: 'q', inline }),
  ...each('metrics[0].compare.query', ...notName),
  ...each(
    'metrics[0].compare.fail',
    ...notObject,
    {},
    { ratio: 0.5 },
    { ratio: '1.1' },
    { ratio: 1000 },
    { difference: '5%' },
    { difference: 5 },
    { difference: '101pp' },
    { ratio: 2 },
  ),
  ...each(
    'metrics[0].compare.pass',
    {},
    { ratio: 1.1 },
    { ratio: 1.05 },
    { ratio: -1 },
    { difference: '-1pp' },
    { ratio: Number.NaN },
  ),
  ...each(
    'metrics[1].compare.slo',
    ...notObject,
    {},
    { le: 5 },
    { le: '' },
    { le: 'fast' },
    { le: '0ms' },
    { le: '-5ms' },
    { le: MEGABYTE },
  ),
  ...each('metrics[1].compare.slo.le', '{{args.unknown}}ms', '{{slo-ms}}', '{{ args . x }}ms', '{{args.}}'),
  ...each('metrics[0].compare', { inline, slo: { le: '250ms' } }, { inline: 5 }, { inline: {} }),
  ...RE2_BAD.map(
    ({ expression }): Bad => ({
      field: 'metrics[0].compare',
      value: { inline: withField(inline, 'counts.bad.match', { code: { regex: expression } }) },
    }),
  ),
];

const badQueries: readonly Bad[] = [
  ...each('', ...notObject, {}),
  ...each('summary', undefined, ...notText, MEGABYTE),
  ...each('source', ...notText, MEGABYTE),
  ...each(
    'labels',
    ...notObject,
    undefined,
    {},
    { pod: 'p' },
    { workload: 'a', pod: 'a' },
    { workload: 'le' },
    { workload: '__name__' },
    { workload: 'serin_x' },
  ),
  ...['namespace', 'workload', 'version', 'pod'].flatMap((name) =>
    each(`labels.${name}`, ...notText, ...BREAK_OUT, MEGABYTE),
  ),
  ...each(
    'counts',
    ...notObject,
    undefined,
    {},
    { total: { metric: 'a' } },
    { total: { metric: 'a' }, bad: { metric: 'a' } },
  ),
  ...each('counts.total.metric', undefined, ...notText, ...BREAK_OUT, MEGABYTE),
  ...each('counts.bad.match', ...notObject, Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`l${i}`, 'x']))),
  ...BREAK_OUT.flatMap((label) => each('counts.bad.match', { [label]: 'x' })),
  ...each(
    'counts.bad.match',
    { __name__: 'up' },
    { le: '1' },
    { [MEGABYTE]: 'x' },
    { a: MEGABYTE },
    { a: 'x\ny' },
    { a: 'x\u0000' },
  ),
  ...each(
    'counts.bad.match.response_code',
    5,
    true,
    null,
    [],
    {},
    ['5..'],
    { regex: 5 },
    { regex: null },
    { regexp: '5..' },
    { regex: '5..', equals: '1' },
    DEEP,
    { regex: 'x\ny' },
    { not: [] },
  ),
  ...RE2_BAD.flatMap(({ expression }) =>
    each('counts.bad.match.response_code', { regex: expression }, { notRegex: expression }),
  ),
  ...each('histogram', ...notObject, {}, { metric: 'h' }),
];

const groups: readonly {
  readonly kind: KindDefinition;
  readonly cases: readonly Bad[];
  readonly validate: (spec: unknown) => readonly Finding[];
}[] = [
  { kind: releaseKind, cases: badReleases, validate: validateRelease },
  { kind: analysisTemplateKind, cases: badTemplates, validate: validateTemplate },
  { kind: metricQueryKind, cases: badQueries, validate: validateQuery },
];

const shown = (value: unknown): string => {
  if (value === DEEP) return 'nine thousand levels';
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

test('there are more than two hundred ways to be wrong', () => {
  expect(badReleases.length).toBeGreaterThan(200);
  expect(badTemplates.length + badQueries.length).toBeGreaterThan(200);
});

describe.each(groups.map((group) => ({ ...group, name: group.kind.type.kind })))(
  'a bad $name',
  ({ kind, cases, validate }) => {
    test('is measured against one that is good', () => {
      expect(refusals(kind, objectWith(kind, specOf(kind)))).toEqual([]);
      expect(validate(specOf(kind))).toEqual([]);
    });

    test.each(cases.map((one) => ({ ...one, as: shown(one.value) })))('$field: $as', ({ field, value }) => {
      const spec = withField(specOf(kind), field, value);
      const findings = validate(spec);
      const refused = value === DEEP ? [] : refusals(kind, objectWith(kind, spec));
      expect(refused.length + findings.length).toBeGreaterThan(0);
      for (const { reason, message } of findings) {
        expect(Object.keys(reasons)).toContain(reason);
        // A sentence that names the field and one that says what to do, and nothing of the megabyte.
        expect(message).toMatch(/^spec\b.*\. [A-Z`].*[.]$/s);
        expect(message.length).toBeLessThan(700);
        expect(message).not.toMatch(/undefined|\[object|\n/);
      }
    });

    test('whatever JSON it is, it is answered with sentences', () => {
      const path = fc.constantFrom(...cases.map(({ field }) => field));
      fc.assert(
        fc.property(path, fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' })), (field, value) => {
          for (const spec of [value, withField(specOf(kind), field, value)]) {
            for (const { message } of validate(spec)) expect(message.length).toBeLessThan(2048);
          }
        }),
        { numRuns: 300 },
      );
    });
  },
);

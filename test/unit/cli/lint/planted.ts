/** A hundred mistakes, each one edit of a file that is right: what is written instead, which rule sees it, and what it says. */
import type { Rule } from '../../../../src/cli/lint/rules.ts';

export interface Planted {
  readonly file: 'argo' | 'query' | 'template' | 'release';
  /** Text of the file, and what stands there instead. */
  readonly instead: readonly [string, string];
  readonly rule: Rule;
  readonly says: RegExp;
  /** The finding stands on the line that was changed, unless its cause is in one place and its effect in another. */
  readonly line?: 'another';
}

const in_ =
  (file: Planted['file']) =>
  (from: string, to: string, rule: Rule, says: RegExp, line?: 'another'): Planted => ({
    file,
    instead: [from, to],
    rule,
    says,
    ...(line === undefined ? {} : { line }),
  });
const argo = in_('argo');
const query = in_('query');
const template = in_('template');
const release = in_('release');

export const PLANTED: readonly Planted[] = [
  // YAML
  argo('  name: success-rate\n  namespace', '  name: "success-rate\n  namespace', 'yaml', /./, 'another'),
  argo('    - name: canary-hash', '    - name: canary-hash\n      name: twice', 'yaml', /unique/),
  release('  progressDeadline: 2h', '\tprogressDeadline: 2h', 'yaml', /tab/i),
  release('members: [web-v1, web-v2]', 'members: [web-v1, web-v2', 'yaml', /./, 'another'),
  // kinds and names
  release('apiVersion: serin.dev/v1alpha1', 'apiVersion: serin.dev/v1', 'kind', /Write serin\.dev\/v1alpha1/),
  release('apiVersion: serin.dev/v1alpha1', 'apiVersion: serin.io/v1alpha1', 'kind', /Write serin\.dev\/v1alpha1/),
  release('kind: Release', 'kind: Relase', 'kind', /Did you mean Release\?/),
  template('kind: AnalysisTemplate', 'kind: AnalysisTemplates', 'kind', /Did you mean AnalysisTemplate\?/),
  query('kind: MetricQuery', 'kind: Metric', 'kind', /Write one of/),
  query('  name: shop-orders', '  name: Shop_Orders', 'schema', /small letters/),
  query('  name: shop-orders\n', '  labels: {}\n', 'schema', /has no name/, 'another'),
  query('metadata:\n', 'metadata:\n  namespace: shop\n', 'schema', /cluster-wide/),
  // fields that do not exist
  release('    dwell: 3m', '    dwel: 3m', 'unknown-field', /Did you mean dwell\?/),
  release('  progressDeadline: 2h', '  progresDeadline: 2h', 'unknown-field', /Did you mean progressDeadline\?/),
  release('        - setReplicas: 50%', '        - setReplica: 50%', 'unknown-field', /Did you mean setReplicas\?/),
  release('          key: url', '          key: url\n          value: x', 'unknown-field', /It may be name, key/),
  release('spec:\n  workload', 'spce: {}\nspec:\n  workload', 'unknown-field', /Did you mean spec\?/),
  template('      critical: true', '      criticl: true', 'unknown-field', /Did you mean critical\?/),
  template('          ratio: 1.1', '          ration: 1.1', 'unknown-field', /Did you mean ratio\?/),
  query('    pod: pod', '    pods: pod', 'unknown-field', /Did you mean pod\?/),
  argo('      failureLimit: 2', '      failureLimits: 2', 'unknown-field', /Did you mean failureLimit\?/),
  argo('      initialDelay: 30s', '      initialdelay: 30s', 'unknown-field', /Did you mean initialDelay\?/),
  argo('          timeout: 40', '          timeOut: 40', 'unknown-field', /Did you mean timeout\?/),
  argo('          jsonPath: "{$}"', '          jsonpath: "{$}"', 'unknown-field', /Did you mean jsonPath\?/),
  argo('  args:\n', '  arguments:\n', 'unknown-field', /It may be/),
  // values
  release('members: [web-v1, web-v2]', 'members: [web-v1, web-v1]', 'schema', /two different Deployments/),
  release('members: [web-v1, web-v2]', 'members: [web-v1]', 'schema', /at least 2/),
  release('        - setWeight: 5\n', '        - setWeight: 500\n', 'schema', /at most 100/),
  release('        - setWeight: 5\n', '        - setWeight: "5"\n', 'schema', /Write (a|an) (number|integer)/),
  release('            atLeast: 3m', '            atLeast: 30m', 'schema', /atMost/, 'another'),
  release('            duration: 5m', '            duration: 5 minutes', 'schema', /not spelled right|duration/),
  release('    preset: recommended', '    preset: strict', 'schema', /sharp, recommended, tolerant/),
  release('    falseAbort: 5%', '    falseAbort: 0.05', 'schema', /falseAbort/),
  release('    falseAbort: 5%', '    falseAbort: 80%', 'schema', /to 50%/),
  release('    dwell: 3m', '    dwell: 30m', 'schema', /longer than atMost/),
  release('    interval: 10s', '    interval: 100ms', 'schema', /at least 1s/),
  release('    retreatAfter: 30m', '    retreatAfter: 0s', 'schema', /first missed poll/),
  release('    minRequests: 200', '    minRequests: -1', 'schema', /at least 0/),
  release('    onInconclusive: hold', '    onInconclusive: wait', 'schema', /hold, abort, advance/),
  release('  progressDeadline: 2h', '  progressDeadline: 0s', 'schema', /held at once/),
  release('  progressDeadline: 2h', '  progressDeadline: 1 day', 'schema', /progressDeadline/),
  release('    - slack:\n', '    - slack: {secretRef: {name: a, key: b}}\n      webhook:\n', 'schema', /exactly one/),
  release(
    '        - setWeight: 50\n',
    '        - setWeight: 50\n          judge: {}\n',
    'schema',
    /exactly one/,
    'another',
  ),
  template('          ratio: 1.5', '          ratio: 1.05', 'schema', /pass/, 'another'),
  template('          ratio: 1.1', '          ratio: 0.9', 'schema', /at least 1/),
  template('          difference: 0.1pp', '          difference: 0.1%', 'schema', /pp/),
  template('          le: "{{args.slo-ms}}ms"', '          le: "soon"', 'schema', /boundary|duration/),
  template(
    '        query: shop-orders',
    '        query: shop-orders\n        slo: {le: 250ms}',
    'schema',
    /histogram/,
    'another',
  ),
  template('    - name: own', '    - name: orders', 'schema', /twice/, 'another'),
  query('    pod: pod', '    pod: "{{pod}}"', 'schema', /labels\.pod/),
  query('    pod: pod', '    pod: workload', 'schema', /one label twice/, 'another'),
  query(
    '      metric: orders_total\n      match:\n        outcome:',
    '      metric: orders-total\n      match:\n        outcome:',
    'schema',
    /not spelled right|metric name/,
  ),
  query('          regex: placed|refused', '          regex: "(placed|refused"', 'schema', /RE2/),
  query('          regex: placed|refused', '          regexp: placed|refused', 'schema', /Write regex/),
  query(
    '        outcome: refused',
    '        outcome:\n          regex: placed|refused',
    'schema',
    /every event would be bad/,
    'another',
  ),
  query('    workload: workload\n', '', 'schema', /workload/, 'another'),
  argo('      interval: 1m', '      interval: 1 minute', 'schema', /30s, 5m or 1h30m/),
  argo('      interval: 1m\n', '', 'schema', /no interval/, 'another'),
  argo('      count: 5', '      count: five', 'schema', /whole number/),
  argo('      inconclusiveLimit: 1', '      inconclusiveLimit: -1', 'schema', /whole number/),
  argo('    - name: latency', '    - name: success-rate', 'schema', /Two metrics/),
  // rules for metrics
  argo(
    '  metrics:\n',
    '  dryRun:\n    - metricName: sucess-rate\n  metrics:\n',
    'reference',
    /matches no metric/,
    'another',
  ),
  argo('  metrics:\n', "  dryRun:\n    - metricName: '*'\n  metrics:\n", 'reference', /Write \.\* for all/, 'another'),
  template(
    '  metrics:\n',
    '  measurementRetention:\n    - metricName: nothing\n      limit: 5\n  metrics:\n',
    'reference',
    /matches no metric/,
    'another',
  ),
  // arguments
  argo('{{args.threshold}}', '{{args.treshold}}', 'argument', /Did you mean threshold\?/),
  argo('{{args.canary-hash}}",code', '{{canary-hash}}",code', 'argument', /names no argument/),
  argo(
    '    - name: threshold\n',
    '    - name: unused\n    - name: threshold\n',
    'unused-argument',
    /Nothing uses the argument unused/,
  ),
  argo('    - name: threshold\n', '    - name: canary-hash\n    - name: threshold\n', 'argument', /twice/),
  template('"{{args.slo-ms}}ms"', '"{{args.slo}}ms"', 'argument', /is no argument|no argument of this template/),
  template('    - name: slo-ms', '    - name: slo', 'argument', /no argument/, 'another'),
  template('      value: "250"', '      description: 250', 'unknown-field', /It may be/),
  release('      - name: slo-ms', '      - name: slo', 'argument', /Did you mean slo-ms\?|They declare slo-ms/),
  // references
  release('      - name: orders', '      - name: order', 'reference', /Did you mean orders\?/),
  release('      - name: orders', '      - name: checkout-errors', 'missing-reference', /neither in these files/),
  release('        clusterScope: true', '        clusterScope: false', 'reference', /clusterScope: true/, 'another'),
  release('        name: web\n        routes', '        name: wbe\n        routes', 'reference', /Did you mean web\?/),
  release('routes: [main]', 'routes: [mian]', 'reference', /Did you mean main\?/),
  release('members: [web-v1, web-v2]', 'members: [web-v1, web-v3]', 'reference', /Did you mean web-v[12]\?/),
  release(
    '  name: web\n  namespace: shop\nspec:\n  workload',
    '  name: web\n  namespace: store\nspec:\n  workload',
    'reference',
    /Put both into one/,
    'another',
  ),
  template('        query: shop-orders', '        query: shop-order', 'reference', /Did you mean shop-orders\?/),
  template('        query: istio-latency', '        query: istio-latancy', 'reference', /Did you mean istio-latency\?/),
  release('  name: web-v2', '  name: web-v1', 'duplicate', /only one of them/),
  // conditions
  argo('result[0] > 0.5', 'result[0] > 0.5 &&', 'expression', /./),
  argo('result[0] > 0.5', 'resul[0] > 0.5', 'expression', /Did you mean result\?/),
  argo('result[0] > 0.5', 'result > 0.5', 'expression', /Write result\[0\]/),
  argo('result[0] > 0.5', 'result[0]', 'expression', /true or false/),
  argo('result[0] > 0.5', 'result[0] > "0.5"', 'expression', /./),
  argo('isNaN(result[0])', 'isNan(result[0])', 'expression', /Did you mean isNaN\?/),
  argo('result[0] > 0.5', 'result[0 > 0.5', 'expression', /./),
  argo('result.status == "ok"', 'result.status = "ok"', 'expression', /./),
  argo('result[0] > 0.5', 'result[0] >= 0', 'constant-condition', /always fail/),
  argo('result[0] > 0.5', '0.6 > 0.5', 'constant-condition', /always fail/),
  argo('      value: "0.95"', '      value: "95"', 'constant-condition', /fraction: 5 % is 0\.05/, 'another'),
  argo(
    'result[0] >= {{args.threshold}}',
    'result[0] >= {{args.threshold}} || result[0] < 2',
    'constant-condition',
    /never fail/,
  ),
  // PromQL
  argo('[5m]))\n              /', '[5m])\n              /', 'promql', /never closed|closed by/, 'another'),
  argo(
    'sum(rate(http_requests_total{pod_hash="{{args.canary-hash}}",code',
    'sum(rat(http_requests_total{pod_hash="{{args.canary-hash}}",code',
    'promql',
    /Did you mean rate\?/,
  ),
  argo(',code!~"5.."}[5m]', ',code!~"5.."}', 'promql', /rate needs samples over a time/),
  argo('code!~"5.."', 'code!~"5..', 'promql', /never ends/),
  argo('code!~"5.."', 'code!~5..', 'promql', /label="value"/),
  argo('code!~"5.."', 'code!~"(5.."', 'promql', /RE2/),
  argo('code!~"5.."}[5m]', 'code!~"5.."}[5 m]', 'promql', /no duration/),
  argo('              / sum(rate', '              / / sum(rate', 'promql', /cannot stand here/),
  argo('histogram_quantile(0.95, sum by (le)', 'histogram_quantile(sum by (le)', 'promql', /two arguments/),
  argo('histogram_quantile(0.95, sum by (le)', 'histogram_quantile(95, sum by (le)', 'quantile', /such as 0\.95/),
  argo('histogram_quantile(0.95, sum by (le)', 'histogram_quantile(0.95, sum by (pod)', 'quantile', /without le/),
  argo('code!~"5.."', 'code!="5.."', 'text-match', /Write !~"5\.\."/),
  argo('"{{args.canary-hash}}"}[2m]', '"{{args.canary-hash}}"}[20s]', 'short-range', /fewer than two samples/),
  argo(
    'sum(rate(http_requests_total{pod_hash="{{args.canary-hash}}"}[5m]))',
    'sum(http_requests_total{pod_hash="{{args.canary-hash}}"})',
    'raw-counter',
    /rate\(http_requests_total\[5m\]\)/,
  ),
  argo(
    '/ sum(rate(http_requests_total{pod_hash="{{args.canary-hash}}"}[5m]))',
    '/ sum by (code) (rate(http_requests_total{pod_hash="{{args.canary-hash}}"}[5m]))',
    'never-matches',
    /has a partner/,
    'another',
  ),
  argo(
    '/ sum(rate(http_requests_total{pod_hash="{{args.canary-hash}}"}[5m]))',
    '/ sum(rate(http_requests_total[5m]))',
    'pooled-subsets',
    /counts all pods/,
  ),
  argo('_bucket{pod_hash="{{args.canary-hash}}"}', '_bucket{job="web"}', 'pooled-subsets', /tells canary from stable/),
  // sense
  argo(
    '      failureLimit: 2\n      inconclusiveLimit: 1\n      consecutiveErrorLimit: 4\n      successCondition: len(result) == 0 || isNaN(result[0]) ||',
    '      successCondition:',
    'no-traffic',
    /divides 0 by 0/,
  ),
  argo('      interval: 30s', '      interval: 5s', 'short-interval', /3 times/),
  argo('      failureLimit: 2', '      failureLimit: 5', 'unreachable-limit', /never fail/),
  argo('      inconclusiveLimit: 1', '      inconclusiveLimit: 9', 'unreachable-limit', /never become inconclusive/),
  argo(
    '      failureLimit: 2',
    '      failureLimit: 2\n      consecutiveSuccessLimit: 6',
    'unreachable-limit',
    /never succeed/,
  ),
  argo(
    '        web:\n          url: http://web-canary.shop/selftest',
    '        http:\n          url: http://web-canary.shop/selftest',
    'provider',
    /no provider http/,
  ),
  argo('          url: http://web-canary.shop/selftest\n', '', 'provider', /has no url/, 'another'),
  argo(
    '      provider:\n        web:',
    '      provider:\n        job: {}\n        web:',
    'provider',
    /Keep one/,
    'another',
  ),
  query('    namespace: namespace\n', '', 'no-namespace-label', /other namespaces/, 'another'),
  query('    pod: pod\n', '', 'no-pod-label', /noise of healthy pods/, 'another'),
  template('            pod: pod\n', '', 'no-pod-label', /noise of healthy pods/, 'another'),
  template(
    'ratio: 1.1\n        pass:\n          ratio: 1.5\n          difference: 0.1pp',
    'ratio: 1.001\n        pass:\n          ratio: 1.002',
    'undecidable-step',
    /always end inconclusive/,
    'another',
  ),
  release('    minRequests: 200', '    minRequests: 900000000', 'undecidable-step', /Lower minRequests/),
  release('  progressDeadline: 2h', '  progressDeadline: 10m', 'short-deadline', /at least 11m/),
  release('  replicas: 0 # idle', '  replicas: 1', 'too-few-pods', /at least 2, or 0/),
];

/** Every rule of `serin lint`: its name (for `# serin-lint: ignore`), how serious it is, and what it looks for. The reference page is made of it. */

/** An error cannot work; a warning works, but hardly as meant; a note is worth knowing once. */
export type Severity = 'error' | 'warning' | 'note';

export const RULES = {
  yaml: { severity: 'error', meaning: 'The file is no YAML, or a key stands there twice.' },
  kind: { severity: 'error', meaning: 'The apiVersion or kind is not one that Serin knows.' },
  'unknown-field': { severity: 'error', meaning: 'A field that the server would drop in silence.' },
  schema: { severity: 'error', meaning: 'A value that the schema, its CEL rules or the service would refuse.' },
  argument: { severity: 'error', meaning: 'An argument that is used but not declared, or has no value.' },
  'unused-argument': { severity: 'warning', meaning: 'An argument that nothing uses.' },
  reference: { severity: 'error', meaning: 'A name that nothing in the files, nor in Serin’s library, has.' },
  'missing-reference': {
    severity: 'warning',
    meaning: 'A name that may exist in the cluster, but not in these files.',
  },
  duplicate: {
    severity: 'error',
    meaning: 'Two objects of one kind and name in one file: the second would replace the first.',
  },
  expression: { severity: 'error', meaning: 'A condition that cannot be parsed or evaluated.' },
  'constant-condition': { severity: 'warning', meaning: 'A condition that is always true, or never.' },
  'no-traffic': {
    severity: 'warning',
    meaning: 'Without requests a division gives NaN, and the first NaN would fail the metric.',
  },
  promql: { severity: 'error', meaning: 'A query that Prometheus would refuse.' },
  'text-match': { severity: 'warning', meaning: 'A regular expression behind = or !=, which compare the text itself.' },
  quantile: { severity: 'warning', meaning: 'A quantile that is none, or of buckets whose boundaries are lost.' },
  'raw-counter': { severity: 'warning', meaning: 'A counter that is read without rate(): it falls at every restart.' },
  'short-range': { severity: 'warning', meaning: 'A range with fewer than two samples.' },
  'never-matches': { severity: 'warning', meaning: 'An operation whose two sides have no label in common.' },
  'pooled-subsets': {
    severity: 'warning',
    meaning: 'A query that counts canary and stable together, or one side of a quotient on other pods than the other.',
  },
  'no-pod-label': { severity: 'note', meaning: 'Without a pod label the noise of healthy pods stays unknown.' },
  'no-namespace-label': {
    severity: 'warning',
    meaning: 'Workloads of the same name in other namespaces are counted too.',
  },
  'short-interval': { severity: 'warning', meaning: 'Measured more often than Prometheus scrapes.' },
  'unreachable-limit': { severity: 'warning', meaning: 'A limit that no run can reach.' },
  'long-analysis': { severity: 'warning', meaning: 'Measurements that take longer than the step they belong to.' },
  'undecidable-step': { severity: 'warning', meaning: 'A step that ends before a verdict is possible.' },
  'no-control': {
    severity: 'note',
    meaning: 'A comparison with stable where stable has no requests at the same time: it is shown and decides nothing.',
  },
  'short-deadline': { severity: 'warning', meaning: 'A deadline before the earliest possible end.' },
  'too-few-pods': { severity: 'warning', meaning: 'Too few pods for the weight they are to get.' },
  'kruise-rollout': {
    severity: 'warning',
    meaning:
      'A Rollout of OpenKruise that does something else than it reads: a dead field, or a pause that ends by itself.',
  },
  'config-digest': {
    severity: 'warning',
    meaning: 'configDigest for a Deployment that reads no ConfigMap and no Secret.',
  },
  'live-config': {
    severity: 'note',
    meaning: 'Files of a ConfigMap or Secret that change under running pods, before a release of them is judged.',
  },
  provider: {
    severity: 'error',
    meaning:
      'A metric without exactly one source that Serin can ask, or one with an address, path or time that cannot be used.',
  },
} as const satisfies Record<string, { readonly severity: Severity; readonly meaning: string }>;

export type Rule = keyof typeof RULES;

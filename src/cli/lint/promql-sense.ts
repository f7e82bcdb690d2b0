/** Queries that Prometheus answers, but hardly with what was meant: pooled subsets, raw counters, ranges without samples, lost boundaries. */
import { formatDuration, readDurationMs } from '../../api/units.ts';
import { fillQuery } from './placeholders.ts';
import type { ParsedQuery } from './promql.ts';
import {
  argumentsOf,
  childrenOf,
  functionName,
  keepsLabel,
  labelsIn,
  type QueryProblem,
  type SyntaxNode,
  unwrapped,
} from './promql-tree.ts';
import { GROWTH_FUNCTIONS, RANGE_FUNCTIONS } from './promql-functions.ts';
import type { Rule } from './rules.ts';

export interface SenseProblem extends QueryProblem {
  readonly rule: Rule;
}

/** For a query without syntax errors. `written` is what the user wrote, placeholders and all. */
export function senseProblems(written: string, query: ParsedQuery, scrapeMs: number): readonly SenseProblem[] {
  const problems: SenseProblem[] = [...subsetProblems(written, query)];
  query.tree.iterate({
    enter: ({ node }) => {
      for (const look of LOOKS) {
        const found = look(query.text, node, scrapeMs);
        if (found !== undefined) problems.push(found);
      }
    },
  });
  return problems;
}

type Look = (text: string, node: SyntaxNode, scrapeMs: number) => SenseProblem | undefined;

const textMatch: Look = (text, node) => {
  if (node.name !== 'UnquotedLabelMatcher') return undefined;
  const operator = node.getChild('MatchOp');
  const literal = node.getChild('StringLiteral');
  if (operator === null || literal === null) return undefined;
  const sign = text.slice(operator.from, operator.to);
  const value = text.slice(literal.from + 1, literal.to - 1);
  if (sign.includes('~') || !/\.\*|\.\+|\w\|\w|^\^|\[0-9\]|\\d|^[1-5](\.\.|xx)$/.test(value)) return undefined;
  const regex = value.replace(/^([1-5])xx$/, '$1..');
  return {
    rule: 'text-match',
    from: operator.from,
    to: literal.to,
    message: `${sign} compares the text itself, and this looks like a regular expression. Write ${sign === '=' ? '=~' : '!~'}"${regex}".`,
  };
};

const quantile: Look = (text, node) => {
  if (node.name !== 'FunctionCall' || functionName(text, node) !== 'histogram_quantile') return undefined;
  const [level, buckets] = argumentsOf(node);
  if (level === undefined || buckets === undefined) return undefined;
  const share = Number(text.slice(level.from, level.to));
  if (level.name === 'NumberDurationLiteral' && (share > 1 || share < 0)) {
    const meant = share > 1 && share <= 100 ? share / 100 : 0.95;
    return {
      rule: 'quantile',
      from: level.from,
      to: level.to,
      message: `${share} is no quantile: the answer would always be ${share > 1 ? '+' : '-'}Inf. Write a number from 0 to 1, such as ${meant}.`,
    };
  }
  if (buckets.name !== 'AggregateExpr' || keepsLabel(text, buckets, 'le')) return undefined;
  return {
    rule: 'quantile',
    from: buckets.from,
    to: buckets.to,
    message: 'The buckets are added up without le, so no quantile is left in them. Write sum by (le) (…).',
  };
};

const shortRange: Look = (text, node, scrapeMs) => {
  if (node.name !== 'FunctionCall' || !GROWTH_FUNCTIONS.has(functionName(text, node))) return undefined;
  const range = argumentsOf(node).find(({ name }) => name === 'MatrixSelector');
  const duration = range?.getChild('DurationExpr') ?? undefined;
  if (duration === undefined) return undefined;
  const written = text.slice(duration.from, duration.to);
  const ms = readDurationMs(written);
  // Placeholders are filled with ones.
  if (ms === undefined || ms >= 2 * scrapeMs || /^1{3,}/.test(written)) return undefined;
  return {
    rule: 'short-range',
    from: duration.from,
    to: duration.to,
    message: `${written} holds fewer than two samples when Prometheus scrapes every ${formatDuration(scrapeMs)}, so there is nothing to see growth in. Write at least ${formatDuration(4 * scrapeMs)}.`,
  };
};

const COUNTER = /_(total|count|bucket)$/;
/** They look at whether there is a value, or when, and not at how large it is. */
const NOT_ABOUT_SIZE = new Set(['absent', 'count', 'group', 'timestamp', 'present_over_time', 'absent_over_time']);

const rawCounter: Look = (text, node) => {
  if (node.name !== 'VectorSelector') return undefined;
  const name = node.getChild('Identifier');
  if (name === null || !COUNTER.test(text.slice(name.from, name.to))) return undefined;
  for (let above = node.parent; above !== null; above = above.parent) {
    if (above.name === 'MatrixSelector' || above.name === 'SubqueryExpr') return undefined;
    const isCall = above.name === 'FunctionCall' || above.name === 'AggregateExpr';
    const called = isCall ? functionName(text, above) : '';
    if (NOT_ABOUT_SIZE.has(called) || RANGE_FUNCTIONS.has(called)) return undefined;
  }
  const metric = text.slice(name.from, name.to);
  return {
    rule: 'raw-counter',
    from: node.from,
    to: node.to,
    message: `${metric} counts since each pod began, and falls when one restarts. Write rate(${metric}[5m]) or increase(${metric}[5m]).`,
  };
};

const neverMatches: Look = (text, node) => {
  if (node.name !== 'BinaryExpr' || node.getChild('MatchingModifierClause') !== null) return undefined;
  const sides = childrenOf(node)
    .map(unwrapped)
    .filter(({ name }) => name === 'AggregateExpr');
  const [left, right] = sides;
  if (
    left === undefined ||
    right === undefined ||
    childrenOf(node).some(({ name }) => name === 'Or' || name === 'Unless')
  )
    return undefined;
  const [one, other] = [resultLabels(text, left), resultLabels(text, right)];
  if (one === undefined || other === undefined || one === other) return undefined;
  const say = (labels: string): string => (labels === '' ? 'no labels' : `the labels ${labels}`);
  return {
    rule: 'never-matches',
    from: left.from,
    to: right.to,
    message: `The left side has ${say(one)} and the right side ${say(other)}, so no value has a partner and the result is empty. Give both the same by (…), or add on (…).`,
  };
};

/** Sorted and joined; `undefined` where they depend on the data. */
function resultLabels(text: string, aggregate: SyntaxNode): string | undefined {
  const modifier = aggregate.getChild('AggregateModifier');
  if (['topk', 'bottomk', 'limitk', 'limit_ratio', 'count_values'].includes(functionName(text, aggregate)))
    return undefined;
  if (modifier === null) return '';
  return modifier.getChild('Without') === null ? labelsIn(text, modifier).toSorted().join(', ') : undefined;
}

const LOOKS: readonly Look[] = [textMatch, quantile, shortRange, rawCounter, neverMatches];

/** Labels by which canary and stable differ in the usual exporters. */
const SIDE_LABELS =
  /^(pod|pod_name|kubernetes_pod_name|exported_pod|version|app_version|destination_version|source_version|destination_workload|source_workload|workload|deployment|replicaset|canary|track|subset|rollouts_pod_template_hash|pod_template_hash|service|destination_service_name|destination_service|exported_service|envoy_cluster_name|backend|upstream|revision|release|instance|route|role)$/;

function subsetProblems(written: string, { text, tree }: ParsedQuery): readonly SenseProblem[] {
  const { places } = fillQuery(written);
  const selectors: { readonly node: SyntaxNode; readonly isOneSide: boolean; readonly isGlobal: boolean }[] = [];
  tree.iterate({
    enter: ({ node }) => {
      if (node.name !== 'VectorSelector') return;
      const hasPlaceholder = places.some(({ from, to }) => from >= node.from && to <= node.to);
      const labels = (node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map((matcher) =>
        labelOf(text, matcher),
      );
      const name = node.getChild('Identifier');
      // `up`, recording rules of one's own and the like say what they count by their name.
      const isGlobal = name !== null && text.slice(name.from, name.to).includes(':');
      selectors.push({ node, isOneSide: hasPlaceholder || labels.some((label) => SIDE_LABELS.test(label)), isGlobal });
    },
  });
  const pooled = selectors.filter(({ isOneSide, isGlobal }) => !isOneSide && !isGlobal);
  const [first] = pooled;
  if (first === undefined) return [];
  const range = { from: first.node.from, to: first.node.to };
  if (pooled.length === selectors.length) {
    return [
      {
        rule: 'pooled-subsets',
        ...range,
        message:
          'Nothing in this query tells canary from stable, so a bad canary at 5 % hardly shows in it. Add a matcher such as pod=~"{{args.canary}}-.*", or use compare, which asks for both sides.',
      },
    ];
  }
  return pooled.map(({ node }) => ({
    rule: 'pooled-subsets' as const,
    from: node.from,
    to: node.to,
    message: 'This part counts all pods, and the rest of the query only some. Add the same matcher here.',
  }));
}

function labelOf(text: string, matcher: SyntaxNode): string {
  const label = matcher.getChild('LabelName');
  return label === null ? '' : text.slice(label.from, label.to);
}

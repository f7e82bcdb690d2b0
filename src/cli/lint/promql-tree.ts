/** What is read off the syntax tree of a PromQL expression. */
import type { parser } from '@prometheus-io/lezer-promql';

export type Tree = ReturnType<typeof parser.parse>;
export type SyntaxNode = Tree['topNode'];

/** What is wrong, and where in the text. */
export interface QueryProblem {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

/** The arguments of a call, without what only wraps them. */
export function argumentsOf(call: SyntaxNode): readonly SyntaxNode[] {
  const body = call.getChild('FunctionCallBody');
  return body === null ? [] : childrenOf(body).map(unwrapped);
}

export function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) found.push(child);
  return found;
}

/** `(x)`, `x offset 5m` and `x @ end()` are what x is. */
export function unwrapped(node: SyntaxNode): SyntaxNode {
  const isWrapping = node.name === 'ParenExpr' || node.name === 'OffsetExpr' || node.name === 'StepInvariantExpr';
  const inner = isWrapping ? node.firstChild : null;
  return inner === null ? node : unwrapped(inner);
}

export function functionName(text: string, call: SyntaxNode): string {
  const identifier = call.getChild('FunctionIdentifier') ?? call.getChild('AggregateOp');
  return identifier === null ? '' : text.slice(identifier.from, identifier.to).toLowerCase();
}

/** Whether an aggregation leaves a label in its result. */
export function keepsLabel(text: string, aggregate: SyntaxNode, label: string): boolean {
  const modifier = aggregate.getChild('AggregateModifier');
  if (modifier === null) return false;
  return labelsIn(text, modifier).includes(label) !== (modifier.getChild('Without') !== null);
}

export function labelsIn(text: string, modifier: SyntaxNode): readonly string[] {
  return (modifier.getChild('GroupingLabels')?.getChildren('LabelName') ?? []).map(({ from, to }) =>
    text.slice(from, to),
  );
}

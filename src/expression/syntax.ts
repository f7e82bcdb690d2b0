/** The tree of an expression. Every node knows where it stands in the text: `start` and `end` are offsets in UTF-16 units. */

export type UnaryOperator = '!' | 'not' | '-' | '+';
export type ComparisonOperator = '<' | '>' | '<=' | '>=';
export type BinaryOperator =
  | 'or'
  | '||'
  | 'and'
  | '&&'
  | '=='
  | '!='
  | 'in'
  | 'matches'
  | 'contains'
  | 'startsWith'
  | 'endsWith'
  | '..'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%'
  | '**'
  | '^'
  | '??';

interface Placed {
  readonly start: number;
  readonly end: number;
}

export type Node = Placed &
  (
    | { readonly kind: 'nil' }
    | { readonly kind: 'bool'; readonly value: boolean }
    | { readonly kind: 'int'; readonly value: bigint }
    | { readonly kind: 'float'; readonly value: number }
    | { readonly kind: 'string'; readonly value: string }
    | { readonly kind: 'name'; readonly name: string }
    /** `#`, `#acc`, `#index`, and what stands before `.field` in a predicate; the element has the empty name. */
    | { readonly kind: 'pointer'; readonly name: string }
    | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly of: Node }
    | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Node; readonly right: Node }
    /** `a < b <= c`: each neighbouring pair must hold. */
    | { readonly kind: 'compare'; readonly first: Node; readonly rest: readonly Comparison[] }
    | { readonly kind: 'member'; readonly of: Node; readonly property: Node; readonly isOptional: boolean }
    /** Ends the reach of `?.`: nil there makes all of it nil. */
    | { readonly kind: 'chain'; readonly of: Node }
    | { readonly kind: 'slice'; readonly of: Node; readonly from?: Node; readonly to?: Node }
    | { readonly kind: 'call'; readonly name: string; readonly args: readonly Node[] }
    | { readonly kind: 'method'; readonly of: Node; readonly name: string; readonly args: readonly Node[] }
    | { readonly kind: 'predicate'; readonly body: Node }
    | { readonly kind: 'let'; readonly name: string; readonly value: Node; readonly body: Node }
    | { readonly kind: 'sequence'; readonly nodes: readonly Node[] }
    | { readonly kind: 'conditional'; readonly condition: Node; readonly then: Node; readonly otherwise: Node }
    | { readonly kind: 'array'; readonly items: readonly Node[] }
    | { readonly kind: 'map'; readonly pairs: readonly { readonly key: Node; readonly value: Node }[] }
  );

export interface Comparison {
  readonly operator: ComparisonOperator;
  readonly of: Node;
}

/** A text that was understood. */
export interface Expression {
  readonly kind: 'expression';
  readonly text: string;
  readonly root: Node;
}

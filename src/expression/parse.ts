/**
 * Long, because its functions call each other from the loosest binding to the tightest. The grammar of expr-lang 1.17 (parser/parser.go), which is what Argo Rollouts evaluates conditions with: precedence climbing over
 * tokens. Not taken over: byte strings and `$env`. Entry points of this folder: `parseExpression` here, `evaluate` in evaluate.ts,
 * `checkExpression` in check.ts, `printExpression` in print.ts, `drawProblem` in problem.ts, and Argo's own rules in condition.ts.
 */
import { lex, type Token } from './lex.ts';
import { didYouMean, type ExpressionProblem, orProblem, Refusal } from './problem.ts';
import type { BinaryOperator, Comparison, ComparisonOperator, Expression, Node, UnaryOperator } from './syntax.ts';

/** Longest text, deepest tree and most nodes that are accepted; expr-lang accepts 10 000 nodes too. */
const MOST_CHARACTERS = 16_384;
const MOST_NODES = 10_000;
const MOST_DEPTH = 200;

const BINARY: Readonly<Record<string, number>> = {
  '|': 0,
  or: 10,
  '||': 10,
  and: 15,
  '&&': 15,
  '==': 20,
  '!=': 20,
  '<': 20,
  '>': 20,
  '>=': 20,
  '<=': 20,
  in: 20,
  matches: 20,
  contains: 20,
  startsWith: 20,
  endsWith: 20,
  '..': 25,
  '+': 30,
  '-': 30,
  '*': 60,
  '/': 60,
  '%': 60,
  '**': 100,
  '^': 100,
  '??': 500,
};
const UNARY: Readonly<Record<string, number>> = { not: 50, '!': 50, '-': 90, '+': 90 };
const COMPARISONS: ReadonlySet<string> = new Set(['<', '>', '<=', '>=']);
const NEGATED: ReadonlySet<string> = new Set(['in', 'matches', 'contains', 'startsWith', 'endsWith']);

/** Which arguments of a function are predicates: `e` expression, `p` predicate, `?` from here on optional. */
const PREDICATES: Readonly<Record<string, string>> = {
  all: 'ep',
  none: 'ep',
  any: 'ep',
  one: 'ep',
  filter: 'ep',
  map: 'ep',
  count: 'e?p',
  sum: 'e?p',
  find: 'ep',
  findIndex: 'ep',
  findLast: 'ep',
  findLastIndex: 'ep',
  groupBy: 'ep',
  sortBy: 'ep?e',
  reduce: 'ep?e',
};

/** The tree of a text, or what keeps it from being an expression. Never throws; takes time proportional to the text. */
export function parseExpression(text: string): Expression | ExpressionProblem {
  return orProblem(text, 'syntax', () => {
    if (text.length > MOST_CHARACTERS) {
      throw new Refusal(
        { start: MOST_CHARACTERS, end: MOST_CHARACTERS + 1 },
        `the expression is longer than ${MOST_CHARACTERS} characters`,
      );
    }
    if (text.trim() === '') throw new Refusal({ start: 0, end: 1 }, 'unexpected token EOF', 'Write an expression.');
    return { kind: 'expression', text, root: new Parser(lex(text)).whole() };
  });
}

/** A node without its place, each kind by itself. */
type Bare = Node extends infer N ? (N extends Node ? Omit<N, 'start' | 'end'> : never) : never;

class Parser {
  readonly #tokens: readonly Token[];
  #index = 0;
  #nodes = 0;
  /** Open calls of the parser itself: text that nests without end must not use up the stack. */
  #open = 0;
  #predicates = 0;
  readonly #depths = new WeakMap<Node, number>();

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Node {
    const node = this.#sequence();
    if (this.#here.kind !== 'end') throw this.#unexpected();
    return node;
  }

  get #here(): Token {
    const last = this.#tokens.length - 1;
    return this.#tokens[Math.min(this.#index, last)] as Token; // there is always the end token
  }

  get #lastEnd(): number {
    return this.#tokens[this.#index - 1]?.end ?? 0;
  }

  #is(kind: Token['kind'], ...values: readonly string[]): boolean {
    const { kind: found, value } = this.#here;
    return found === kind && (values.length === 0 || values.includes(value));
  }

  #take(): Token {
    const token = this.#here;
    this.#index += 1;
    return token;
  }

  #expect(kind: Token['kind'], value?: string): Token {
    if (value === undefined ? this.#is(kind) : this.#is(kind, value)) return this.#take();
    throw this.#unexpected(value === undefined ? undefined : `Write ${value} here.`);
  }

  #unexpected(suggestion?: string): Refusal {
    const token = this.#here;
    if (token.kind === 'end')
      return new Refusal(token, 'unexpected token EOF', suggestion ?? 'Something is missing at the end.');
    const help = suggestion ?? helpFor(token, this.#tokens[this.#index + 1]);
    return new Refusal(token, `unexpected token ${JSON.stringify(token.value)}`, help);
  }

  #node(bare: Bare, start: number, ...children: readonly (Node | undefined)[]): Node {
    const node: Node = { ...bare, start, end: this.#lastEnd };
    this.#nodes += 1;
    if (this.#nodes > MOST_NODES) throw new Refusal(node, `the expression has more than ${MOST_NODES} parts`);
    const depth =
      1 + Math.max(0, ...children.map((child) => (child === undefined ? 0 : (this.#depths.get(child) ?? 0))));
    if (depth > MOST_DEPTH) throw this.#tooDeep();
    this.#depths.set(node, depth);
    return node;
  }

  #tooDeep(): Refusal {
    return new Refusal(this.#here, `the expression is nested more than ${MOST_DEPTH} levels deep`);
  }

  #sequence(): Node {
    const nodes = [this.#expression(0)];
    while (this.#is('operator', ';')) {
      this.#take();
      if (this.#here.kind === 'end') break;
      nodes.push(this.#expression(0));
    }
    const [first] = nodes;
    return nodes.length === 1 && first !== undefined
      ? first
      : this.#node({ kind: 'sequence', nodes }, first?.start ?? 0, ...nodes);
  }

  #expression(precedence: number): Node {
    this.#open += 1;
    if (this.#open > MOST_DEPTH) throw this.#tooDeep();
    const node = this.#climb(precedence);
    this.#open -= 1;
    return node;
  }

  #climb(precedence: number): Node {
    if (precedence === 0 && this.#is('operator', 'let')) return this.#let();
    if (precedence === 0 && this.#is('operator', 'if')) return this.#if();
    let left = this.#primary();
    let before = '';
    while (this.#here.kind === 'operator') {
      const start = this.#index;
      const isNegated = this.#is('operator', 'not');
      if (isNegated) {
        this.#take();
        if (!NEGATED.has(this.#here.value))
          throw this.#unexpected('After not comes in, matches, contains, startsWith or endsWith.');
      }
      const operator = this.#here;
      const found = Object.hasOwn(BINARY, operator.value) ? BINARY[operator.value] : undefined;
      if (found === undefined || found < precedence) {
        this.#index = start;
        break;
      }
      this.#take();
      left = this.#operation(left, operator, found, before, isNegated);
      before = operator.value;
    }
    return precedence === 0 ? this.#conditional(left) : left;
  }

  #operation(left: Node, operator: Token, precedence: number, before: string, isNegated: boolean): Node {
    const { value } = operator;
    if (value === '|') {
      const name = this.#expect('name');
      return this.#call(name, [left]);
    }
    if (before === '??' && value !== '??') {
      throw new Refusal(
        operator,
        `Operator (${value}) and coalesce expressions (??) cannot be mixed`,
        'Put parentheses around one of them.',
      );
    }
    if (COMPARISONS.has(value)) return this.#comparison(left, operator, precedence);
    const isRightAssociative = value === '**' || value === '^';
    const right = this.#expression(isRightAssociative ? precedence : precedence + 1);
    const binary = this.#node(
      { kind: 'binary', operator: value as BinaryOperator, left, right }, // all other words of BINARY were handled above
      left.start,
      left,
      right,
    );
    return isNegated ? this.#node({ kind: 'unary', operator: 'not', of: binary }, left.start, binary) : binary;
  }

  #comparison(first: Node, operator: Token, precedence: number): Node {
    const rest: Comparison[] = [];
    let here = operator;
    for (;;) {
      const of = this.#expression(precedence + 1);
      rest.push({ operator: here.value as ComparisonOperator, of }); // one of COMPARISONS
      if (!(this.#here.kind === 'operator' && COMPARISONS.has(this.#here.value))) break;
      here = this.#take();
    }
    return this.#node({ kind: 'compare', first, rest }, first.start, first, ...rest.map(({ of }) => of));
  }

  #let(): Node {
    const { start } = this.#take();
    const { value: name } = this.#expect('name');
    this.#expect('operator', '=');
    const value = this.#expression(0);
    this.#expect('operator', ';');
    const body = this.#sequence();
    return this.#node({ kind: 'let', name, value, body }, start, value, body);
  }

  #if(): Node {
    this.#open += 1;
    if (this.#open > MOST_DEPTH) throw this.#tooDeep();
    const { start } = this.#take();
    const condition = this.#expression(0);
    const then = this.#block();
    this.#expect('operator', 'else');
    const otherwise = this.#is('operator', 'if') ? this.#if() : this.#block();
    this.#open -= 1;
    return this.#node({ kind: 'conditional', condition, then, otherwise }, start, condition, then, otherwise);
  }

  #block(): Node {
    this.#expect('bracket', '{');
    const node = this.#sequence();
    this.#expect('bracket', '}');
    return node;
  }

  #conditional(condition: Node): Node {
    let node = condition;
    while (this.#is('operator', '?')) {
      this.#take();
      const isShort = this.#is('operator', ':');
      const then = isShort ? node : this.#expression(0);
      this.#expect('operator', ':');
      const otherwise = this.#expression(0);
      node = this.#node({ kind: 'conditional', condition: node, then, otherwise }, node.start, node, then, otherwise);
    }
    return node;
  }

  #primary(): Node {
    const token = this.#here;
    if (token.kind === 'operator' && Object.hasOwn(UNARY, token.value)) {
      this.#take();
      const of = this.#expression(UNARY[token.value] ?? 0);
      const operator = token.value as UnaryOperator; // a word of UNARY
      return this.#postfix(this.#node({ kind: 'unary', operator, of }, token.start, of));
    }
    if (this.#is('bracket', '(')) {
      this.#take();
      const inner = this.#sequence();
      this.#expect('bracket', ')');
      return this.#postfix(inner);
    }
    if (this.#predicates > 0 && this.#is('operator', '#', '.')) {
      const name = this.#is('operator', '#') && this.#take() && this.#is('name') ? this.#take().value : '';
      return this.#postfix(this.#node({ kind: 'pointer', name }, token.start));
    }
    if (this.#is('operator', '::')) {
      this.#take();
      return this.#postfix(this.#call(this.#expect('name'), []));
    }
    return this.#secondary();
  }

  #secondary(): Node {
    const token = this.#here;
    const { start } = token;
    if (token.kind === 'name') {
      this.#take();
      if (token.value === 'true' || token.value === 'false') {
        return this.#node({ kind: 'bool', value: token.value === 'true' }, start);
      }
      if (token.value === 'nil') return this.#node({ kind: 'nil' }, start);
      if (this.#is('bracket', '(')) return this.#postfix(this.#call(token, []));
      return this.#postfix(this.#node({ kind: 'name', name: token.value }, start));
    }
    if (token.kind === 'number') {
      this.#take();
      return this.#node(numberOf(token), start);
    }
    if (token.kind === 'string') {
      this.#take();
      return this.#postfix(this.#node({ kind: 'string', value: token.value }, start));
    }
    if (this.#is('bracket', '[')) return this.#postfix(this.#array());
    if (this.#is('bracket', '{')) return this.#postfix(this.#map());
    throw this.#unexpected();
  }

  #call(name: Token, given: readonly Node[]): Node {
    const kinds = Object.hasOwn(PREDICATES, name.value) ? PREDICATES[name.value] : undefined;
    const args = kinds === undefined ? this.#arguments(given) : this.#predicateArguments(kinds, given);
    const start = Math.min(name.start, given[0]?.start ?? name.start);
    return this.#node({ kind: 'call', name: name.value, args }, start, ...args);
  }

  #arguments(given: readonly Node[]): readonly Node[] {
    return [...given, ...this.#list('(', ')', () => this.#expression(0))];
  }

  #list<T>(open: string, close: string, item: () => T): readonly T[] {
    this.#expect('bracket', open);
    const items: T[] = [];
    while (!this.#is('bracket', close)) {
      if (items.length > 0) this.#expect('operator', ',');
      if (items.length > 0 && this.#is('bracket', close)) break;
      items.push(item());
    }
    this.#expect('bracket', close);
    return items;
  }

  #predicateArguments(kinds: string, given: readonly Node[]): readonly Node[] {
    const args = [...given];
    this.#expect('bracket', '(');
    const wanted = kinds.replace('?', '').slice(given.length);
    const needed = kinds.split('?', 1)[0]?.length ?? 0;
    for (const [index, kind] of Array.from(wanted).entries()) {
      if (this.#is('bracket', ')')) {
        if (args.length >= needed) break;
        throw new Refusal(this.#here, `expected at least ${needed} arguments`);
      }
      if (index > 0) this.#expect('operator', ',');
      args.push(kind === 'p' ? this.#predicate() : this.#expression(0));
    }
    if (this.#is('operator', ',')) this.#take();
    this.#expect('bracket', ')');
    return args;
  }

  #predicate(): Node {
    const { start } = this.#here;
    const isBraced = this.#is('bracket', '{');
    if (isBraced) this.#take();
    this.#predicates += 1;
    const body = isBraced ? this.#sequence() : this.#expression(0);
    if (!isBraced && this.#is('operator', ';')) throw new Refusal(this.#here, 'wrap predicate with brackets { and }');
    this.#predicates -= 1;
    if (isBraced) this.#expect('bracket', '}');
    return this.#node({ kind: 'predicate', body }, start, body);
  }

  #array(): Node {
    const { start } = this.#here;
    const items = this.#list('[', ']', () => this.#expression(0));
    return this.#node({ kind: 'array', items }, start, ...items);
  }

  #map(): Node {
    const { start } = this.#here;
    const pairs = this.#list('{', '}', () => {
      const key = this.#key();
      this.#expect('operator', ':');
      return { key, value: this.#expression(0) };
    });
    return this.#node({ kind: 'map', pairs }, start, ...pairs.flatMap(({ key, value }) => [key, value]));
  }

  #key(): Node {
    const token = this.#here;
    if (token.kind === 'number' || token.kind === 'string' || token.kind === 'name') {
      this.#take();
      return this.#node({ kind: 'string', value: token.value }, token.start);
    }
    if (this.#is('bracket', '(')) return this.#expression(0);
    throw new Refusal(token, 'a map key must be a quoted string, a number, a name, or an expression in parentheses');
  }

  #postfix(node: Node): Node {
    let of = node;
    for (;;) {
      const isOptional = this.#is('operator', '?.');
      if (isOptional || this.#is('operator', '.')) {
        this.#take();
        if (isOptional && this.#is('bracket', '[')) of = this.#element(of, true);
        else of = this.#member(of, isOptional);
      } else if (this.#is('bracket', '[')) of = this.#element(of, false);
      else return of;
    }
  }

  #member(of: Node, isOptional: boolean): Node {
    const token = this.#here;
    if (token.kind !== 'name' && !(token.kind === 'operator' && /^[a-zA-Z]+$/.test(token.value))) {
      throw new Refusal(token, 'expected name', 'Write the name of a field, or ["…"] for one that is no name.');
    }
    this.#take();
    const inner = of.kind === 'chain' ? of.of : of;
    const property = this.#node({ kind: 'string', value: token.value }, token.start);
    let node = this.#node({ kind: 'member', of: inner, property, isOptional }, of.start, inner);
    if (this.#is('bracket', '(')) {
      const args = this.#arguments([]);
      node = this.#node({ kind: 'method', of: inner, name: token.value, args }, of.start, inner, ...args);
    }
    return of.kind === 'chain' || isOptional ? this.#node({ kind: 'chain', of: node }, of.start, node) : node;
  }

  #element(of: Node, isOptional: boolean): Node {
    this.#expect('bracket', '[');
    const from = this.#is('operator', ':') ? undefined : this.#expression(0);
    if (this.#is('operator', ':')) {
      this.#take();
      const to = this.#is('bracket', ']') ? undefined : this.#expression(0);
      this.#expect('bracket', ']');
      const bare = {
        kind: 'slice',
        of,
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      } as const;
      return this.#node(bare, of.start, of, from, to);
    }
    this.#expect('bracket', ']');
    if (from === undefined) throw this.#unexpected();
    const node = this.#node({ kind: 'member', of, property: from, isOptional }, of.start, of, from);
    return isOptional ? this.#node({ kind: 'chain', of: node }, of.start, node) : node;
  }
}

function numberOf(token: Token): Bare {
  const digits = token.value.replaceAll('_', '').toLowerCase();
  if (!/^0[xob]/.test(digits) && /[.e]/.test(digits)) {
    const value = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(digits) ? Number(digits) : Number.NaN;
    if (Number.isFinite(value)) return { kind: 'float', value };
    throw new Refusal(token, `invalid float literal: ${token.value}`);
  }
  const isWhole = /^(0x[0-9a-f]+|0o[0-7]+|0b[01]+|\d+)$/.test(digits);
  const value = isWhole ? BigInt(digits) : undefined;
  if (value !== undefined && BigInt.asIntN(64, value) === value) return { kind: 'int', value };
  throw new Refusal(token, `invalid integer literal: ${token.value}`);
}

/** Mistakes that people make who know other languages. */
function helpFor(token: Token, next: Token | undefined): string | undefined {
  const { value } = token;
  if (value === '=') return next?.value === '>' ? 'Write >= for "at least".' : 'Write == to compare.';
  if (value === '=>' || value === '>==' || value === '==>') return 'Write >= for "at least".';
  if (value === '<>') return 'Write != for "not equal".';
  if (value === '&') return 'Write && or the word and.';
  if (value === '|') return 'Write || or the word or.';
  if (value === '#' || value === '.')
    return '# and .field stand for the element inside all(…), any(…), filter(…) and the like.';
  if (token.kind === 'name') {
    const near = didYouMean(value.toLowerCase(), [
      'and',
      'or',
      'not',
      'in',
      'contains',
      'matches',
      'startsWith',
      'endsWith',
    ]);
    return near ?? 'Two values stand side by side: an operator is missing between them.';
  }
  if (token.kind === 'number' || token.kind === 'string') return 'An operator is missing before it.';
  if (value === ')' || value === ']' || value === '}')
    return 'It closes something that is not open, or something is missing before it.';
  return undefined;
}

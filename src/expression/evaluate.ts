/**
 * Walks the tree with the meaning of expr-lang's machine (vm/vm.go). Every part costs a step and everything that is made costs size,
 * so an expression ends within its budget whatever it is given; only own values can be reached, no prototype and no global.
 */
import { checkExpression } from './check.ts';
import { type Budget, DEFAULT_BUDGET, type Environment, functionNamed } from './environment.ts';
import { PREDICATE_USAGE } from './functions/builtins.ts';
import { elementAt, fieldOf } from './functions/lists.ts';
import { CallFailed } from './functions/signature.ts';
import { binaryOf, compareBy, sliceOf } from './operations.ts';
import { goThrough, type Turn } from './predicates.ts';
import { type ExpressionProblem, orProblem, Refusal } from './problem.ts';
import type { Expression, Node } from './syntax.ts';
import { isArray, isMap, printValue, typeName, type Value } from './value.ts';

export interface Evaluated {
  readonly kind: 'value';
  readonly value: Value;
}

/** The value, or why there is none: a type that can never work (`phase: type`), or a value for which it did not (`phase: value`). */
export function evaluate(
  expression: Expression,
  environment: Environment,
  budget: Budget = DEFAULT_BUDGET,
): Evaluated | ExpressionProblem {
  const nature = checkExpression(expression, environment);
  if (nature.kind === 'problem') return nature;
  return orProblem(expression.text, 'value', () => ({
    kind: 'value',
    value: new Walk(environment, budget).visit(expression.root),
  }));
}

class Walk {
  readonly #environment: Environment;
  readonly #variables: { readonly name: string; readonly value: Value }[] = [];
  readonly #turns: Turn[] = [];
  #steps: number;
  #size: number;

  constructor(environment: Environment, budget: Budget) {
    this.#environment = environment;
    this.#steps = budget.steps;
    this.#size = budget.size;
  }

  visit(node: Node): Value {
    this.#step(node);
    switch (node.kind) {
      case 'nil':
        return null;
      case 'bool':
      case 'int':
      case 'float':
      case 'string':
        return node.value;
      case 'name':
        return this.#name(node.name);
      case 'pointer':
        return this.#pointer(node.name);
      case 'unary':
        return this.#unary(node);
      case 'binary':
        return this.#binary(node);
      case 'compare':
        return this.#compare(node);
      case 'member':
        return this.#member(node);
      case 'chain':
        return this.#chain(node.of);
      case 'slice':
        return this.#slice(node);
      case 'call':
        return PREDICATE_USAGE.has(node.name) ? this.#predicateCall(node) : this.#call(node);
      case 'method':
        throw new Refusal(node, `methods such as .${node.name}() are not supported`);
      case 'predicate':
        return this.visit(node.body);
      case 'let':
        return this.#let(node);
      case 'sequence':
        return node.nodes.map((each) => this.visit(each)).at(-1) ?? null;
      case 'conditional':
        return this.visit(this.#isTrue(node.condition) ? node.then : node.otherwise);
      case 'array':
        this.#make(node, node.items.length);
        return node.items.map((item) => this.visit(item));
      case 'map':
        return this.#map(node);
    }
  }

  #step(node: Node): void {
    this.#steps -= 1;
    if (this.#steps < 0) throw new Refusal(node, 'the expression takes too many steps', 'Go through fewer elements.');
  }

  #make(node: Node, size: number): void {
    this.#size -= size;
    // A size that is NaN is too much.
    if (!(this.#size >= 0)) throw new Refusal(node, 'memory budget exceeded', 'Make fewer or shorter lists.');
  }

  #name(name: string): Value {
    const variable = this.#variables.findLast((each) => each.name === name);
    return variable === undefined ? (this.#environment.values.get(name) ?? null) : variable.value;
  }

  #pointer(name: string): Value {
    const turn = this.#turns.at(-1);
    if (name === 'index') return BigInt(turn?.index ?? 0);
    return (name === 'acc' ? turn?.acc : turn?.element) ?? null;
  }

  #unary(node: Extract<Node, { kind: 'unary' }>): Value {
    if (node.operator === '!' || node.operator === 'not') return !this.#isTrue(node.of);
    const value = this.visit(node.of);
    if (node.operator === '+') return value;
    if (typeof value === 'bigint') return BigInt.asIntN(64, -value);
    if (typeof value === 'number') return -value;
    throw new Refusal(node, `invalid operation: - ${typeName(value)}`);
  }

  #isTrue(node: Node): boolean {
    const value = this.visit(node);
    if (typeof value === 'boolean') return value;
    throw new Refusal(node, `expected bool, but got ${typeName(value)}`);
  }

  #binary(node: Extract<Node, { kind: 'binary' }>): Value {
    const { operator, left, right } = node;
    if (operator === 'or' || operator === '||') return this.#isTrue(left) || this.visit(right);
    if (operator === 'and' || operator === '&&') return this.#isTrue(left) && this.visit(right);
    if (operator === '??') return this.visit(left) ?? this.visit(right);
    const one = this.visit(left);
    const other = this.visit(right);
    return this.#at(node, () => binaryOf(operator, one, other, (size) => this.#make(node, size)));
  }

  #compare(node: Extract<Node, { kind: 'compare' }>): boolean {
    let left = this.visit(node.first);
    for (const { operator, of } of node.rest) {
      const right = this.visit(of);
      const one = left;
      if (!this.#at(node, () => compareBy(operator, one, right))) return false;
      left = right;
    }
    return true;
  }

  /** Says where a call or an operation failed. */
  #at<T>(node: Node, work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      if (thrown instanceof CallFailed) throw new Refusal(node, thrown.message);
      throw thrown;
    }
  }

  #member(node: Extract<Node, { kind: 'member' }>): Value {
    const of = this.visit(node.of);
    if (of === null && node.isOptional) throw new NilReached();
    const key = this.visit(node.property);
    if (isMap(of)) return this.#at(node, () => fieldOf(of, key));
    if (!isArray(of)) {
      throw new Refusal(
        node,
        `cannot fetch ${printValue(key)} from ${typeName(of)}`,
        'Write ?. where a part may be missing.',
      );
    }
    const index = typeof key === 'bigint' ? key : typeof key === 'number' ? toIndex(key) : undefined;
    if (index === undefined) throw new Refusal(node, `cannot use ${typeName(key)} as an index`);
    const length = BigInt(of.length);
    const place = index < 0n ? index + length : index;
    if (place < 0n || place >= length) {
      const help = of.length === 0 ? 'No series answered: write len(result) == 0 || … to allow that.' : undefined;
      throw new Refusal(node, `index out of range: ${index} (array length is ${of.length})`, help);
    }
    return elementAt(of, place);
  }

  #chain(node: Node): Value {
    try {
      return this.visit(node);
    } catch (thrown) {
      if (thrown instanceof NilReached) return null;
      throw thrown;
    }
  }

  #slice(node: Extract<Node, { kind: 'slice' }>): Value {
    const of = this.visit(node.of);
    const from = node.from === undefined ? undefined : this.visit(node.from);
    const to = node.to === undefined ? undefined : this.visit(node.to);
    return this.#at(node, () => sliceOf(of, from, to));
  }

  #call(node: Extract<Node, { kind: 'call' }>): Value {
    const function_ = functionNamed(node.name, this.#environment);
    if (function_ === undefined) throw new Refusal(node, `unknown name ${node.name}`);
    const args = node.args.map((arg) => {
      const value = this.visit(arg);
      return typeof value === 'bigint' && function_.takesFloats === true && holdsLiteral(arg) ? Number(value) : value;
    });
    const context = { nowMs: this.#environment.nowMs, make: (size: number) => this.#make(node, size) };
    return this.#at(node, () => function_.run(args, context));
  }

  #predicateCall(node: Extract<Node, { kind: 'call' }>): Value {
    const [listNode = node, predicate, third] = node.args;
    const list = this.visit(listNode);
    if (!isArray(list)) throw new Refusal(listNode, `builtin ${node.name} takes only array (got ${typeName(list)})`);
    const ask = (turn: Turn): Value => {
      this.#step(node);
      if (predicate === undefined) return turn.element;
      this.#turns.push(turn);
      const value = this.visit(predicate);
      this.#turns.pop();
      return value;
    };
    const extra = third === undefined ? undefined : this.visit(third);
    return this.#at(node, () => goThrough(node.name, list, ask, extra, (size) => this.#make(node, size)));
  }

  #let(node: Extract<Node, { kind: 'let' }>): Value {
    this.#variables.push({ name: node.name, value: this.visit(node.value) });
    const value = this.visit(node.body);
    this.#variables.pop();
    return value;
  }

  #map(node: Extract<Node, { kind: 'map' }>): Value {
    this.#make(node, node.pairs.length);
    return new Map(
      node.pairs.map(({ key, value }) => {
        const name = this.visit(key);
        if (typeof name !== 'string') throw new Refusal(key, `a map key must be a string, not ${typeName(name)}`);
        return [name, this.visit(value)] as const;
      }),
    );
  }
}

/** Unwinds to the end of the chain that `?.` belongs to. */
class NilReached extends Error {}

function toIndex(key: number): bigint | undefined {
  return Number.isFinite(key) && Math.abs(key) < 2 ** 53 ? BigInt(Math.trunc(key)) : undefined;
}

/** expr-lang turns whole-number literals into floats where a float is wanted, also inside sums and products; nothing else. */
function holdsLiteral(node: Node): boolean {
  if (node.kind === 'int') return true;
  if (node.kind === 'unary') return holdsLiteral(node.of);
  const isFolded = node.kind === 'binary' && ['+', '-', '*'].includes(node.operator);
  return isFolded && (holdsLiteral(node.left) || holdsLiteral(node.right));
}

/**
 * Long, because each kind of node has its rule, and the rules call each other. Type check by expr-lang's rules (checker/checker.go): finds unknown names and operations that can never work before a series has
 * answered. Argo Rollouts checks against the very result of each measurement, so a wrong type there is an Error, not a Failed.
 */
import { functionNamed, knownNames, type Surroundings } from './environment.ts';
import { PREDICATE_USAGE } from './functions/builtins.ts';
import {
  ARRAY,
  arrayOf,
  BOOL,
  DURATION,
  FLOAT,
  INT,
  isAssignable,
  isComparable,
  isNumeric,
  MAP,
  mayBe,
  type Nature,
  NIL,
  STRING,
  TIME,
  UNKNOWN,
} from './nature.ts';
import { didYouMean, type ExpressionProblem, orProblem, Refusal } from './problem.ts';
import { regexProblem } from './regex.ts';
import type { BinaryOperator, Expression, Node } from './syntax.ts';

/** What the expression gives, or the first place that can never work. */
export function checkExpression(expression: Expression, surroundings: Surroundings): Nature | ExpressionProblem {
  return orProblem(expression.text, 'type', () => new Checker(surroundings).visit(expression.root));
}

/** Inside a predicate: the list that is gone through, and the names after `#`. */
interface Scope {
  readonly element: Nature;
  readonly pointers: ReadonlyMap<string, Nature>;
}

type BinaryNode = Extract<Node, { kind: 'binary' }>;
type CallNode = Extract<Node, { kind: 'call' }>;

class Checker {
  readonly #surroundings: Surroundings;
  readonly #variables: { readonly name: string; readonly nature: Nature }[] = [];
  readonly #scopes: Scope[] = [];

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  visit(node: Node): Nature {
    switch (node.kind) {
      case 'nil':
        return NIL;
      case 'bool':
        return BOOL;
      case 'int':
        return INT;
      case 'float':
        return FLOAT;
      case 'string':
        return STRING;
      case 'name':
        return this.#name(node);
      case 'pointer':
        return this.#pointer(node);
      case 'unary':
        return this.#unary(node);
      case 'binary':
        return this.#binary(node);
      case 'compare':
        return this.#compare(node);
      case 'member':
        return this.#member(node);
      case 'chain':
        return this.visit(node.of);
      case 'slice':
        return this.#slice(node);
      case 'call':
        return this.#call(node);
      case 'method':
        throw new Refusal(
          node,
          `methods such as .${node.name}() are not supported`,
          'Use a function instead, or a field without ().',
        );
      case 'predicate':
        return this.visit(node.body);
      case 'let':
        return this.#let(node);
      case 'sequence':
        return node.nodes.map((each) => this.visit(each)).at(-1) ?? NIL;
      case 'conditional':
        return this.#conditional(node);
      case 'array':
        return this.#array(node.items);
      case 'map':
        for (const { key, value } of node.pairs) {
          this.visit(key);
          this.visit(value);
        }
        return MAP;
    }
  }

  #name(node: Extract<Node, { kind: 'name' }>): Nature {
    const variable = this.#variables.findLast(({ name }) => name === node.name);
    if (variable !== undefined) return variable.nature;
    const nature = this.#surroundings.natures.get(node.name);
    if (nature !== undefined) return nature;
    const usage = functionNamed(node.name, this.#surroundings)?.usage ?? PREDICATE_USAGE.get(node.name);
    if (usage !== undefined) throw new Refusal(node, `${node.name} is a function`, `Call it: ${usage}.`);
    throw this.#unknownName(node, node.name);
  }

  #unknownName(place: Node, name: string): Refusal {
    const names = [...this.#surroundings.natures.keys()].join(', ');
    const hint = didYouMean(name, [...knownNames(this.#surroundings), 'true', 'false', 'nil']);
    const null_ = /^(null|none|undefined)$/i.test(name) ? 'Write nil for "nothing".' : undefined;
    return new Refusal(
      place,
      `unknown name ${name}`,
      null_ ?? hint ?? `Known here: ${names}, and functions. Strings need quotation marks.`,
    );
  }

  #pointer(node: Extract<Node, { kind: 'pointer' }>): Nature {
    const scope = this.#scopes.at(-1);
    if (scope === undefined) throw new Refusal(node, 'cannot use pointer accessor outside predicate');
    if (node.name === '') return scope.element;
    const nature = scope.pointers.get(node.name);
    if (nature === undefined) throw new Refusal(node, `unknown pointer #${node.name}`);
    return nature;
  }

  #unary(node: Extract<Node, { kind: 'unary' }>): Nature {
    const of = this.visit(node.of);
    const isLogical = node.operator === '!' || node.operator === 'not';
    if (isLogical && (of.kind === 'bool' || of.kind === 'unknown')) return BOOL;
    if (!isLogical && (isNumeric(of) || of.kind === 'unknown')) return of;
    throw new Refusal(node, `invalid operation: ${node.operator} (mismatched type ${of.kind})`);
  }

  #binary(node: BinaryNode): Nature {
    const left = this.visit(node.left);
    const right = this.visit(node.right);
    if (node.operator === 'matches' && node.right.kind === 'string') {
      const problem = regexProblem(node.right.value);
      if (problem !== undefined) throw new Refusal(node.right, `the regular expression ${problem}`);
    }
    const nature = natureOfOperation(node.operator, left, right);
    if (nature !== undefined) return nature;
    throw mismatch(node, node.operator, left, right);
  }

  #compare(node: Extract<Node, { kind: 'compare' }>): Nature {
    let left = this.visit(node.first);
    for (const [index, { operator, of }] of node.rest.entries()) {
      const right = this.visit(of);
      const isFine =
        (isNumeric(left) && isNumeric(right)) ||
        (left.kind === right.kind && ['string', 'time', 'duration'].includes(left.kind)) ||
        mayBe(left, right, 'int', 'float', 'string', 'time', 'duration');
      if (!isFine) {
        const from = index === 0 ? node.first : (node.rest[index - 1]?.of ?? node.first);
        throw mismatch({ start: from.start, end: of.end }, operator, left, right);
      }
      left = right;
    }
    return BOOL;
  }

  #member({ of, property }: Extract<Node, { kind: 'member' }>): Nature {
    const base = this.visit(of);
    const key = this.visit(property);
    const field = property.kind === 'string' ? property.value : undefined;
    if (base.kind === 'unknown') return UNKNOWN;
    if (base.kind === 'map') {
      if (key.kind === 'string' || key.kind === 'unknown') return UNKNOWN;
      throw new Refusal(
        property,
        `cannot use ${key.kind} to get an element from a map`,
        'Fields have names: write .name or ["name"].',
      );
    }
    if (base.kind === 'array') {
      if (key.kind === 'int' || key.kind === 'unknown') return base.of;
      throw new Refusal(
        property,
        `array elements can only be selected using an integer (got ${key.kind})`,
        'A list has elements: write [0] for the first.',
      );
    }
    const what =
      field === undefined ? `type ${base.kind}[${key.kind}] is undefined` : `type ${base.kind} has no field ${field}`;
    const help = isNumeric(base) ? 'The result is one number here, no list: leave out what follows it.' : undefined;
    throw new Refusal({ start: of.end, end: property.end + 1 }, what, help);
  }

  #slice({ of, from, to }: Extract<Node, { kind: 'slice' }>): Nature {
    const base = this.visit(of);
    if (base.kind === 'unknown') return UNKNOWN;
    if (base.kind !== 'string' && base.kind !== 'array') throw new Refusal(of, `cannot slice ${base.kind}`);
    for (const index of [from, to]) {
      if (index === undefined) continue;
      const nature = this.visit(index);
      if (nature.kind !== 'int' && nature.kind !== 'unknown')
        throw new Refusal(index, `non-integer slice index ${nature.kind}`);
    }
    return base;
  }

  #call(node: CallNode): Nature {
    if (PREDICATE_USAGE.has(node.name)) return this.#predicateCall(node);
    const function_ = functionNamed(node.name, this.#surroundings);
    if (function_ === undefined) {
      const isName =
        this.#surroundings.natures.has(node.name) || this.#variables.some(({ name }) => name === node.name);
      throw isName ? new Refusal(node, `${node.name} is not callable`) : this.#unknownName(node, node.name);
    }
    const result = function_.check(node.args.map((arg) => this.visit(arg)));
    if (typeof result === 'string') throw new Refusal(node, result, `It is called like this: ${function_.usage}.`);
    return result;
  }

  #predicateCall(node: CallNode): Nature {
    const [list, predicate, third] = node.args;
    const nature = list === undefined ? UNKNOWN : this.visit(list);
    if (nature.kind !== 'array' && nature.kind !== 'unknown') {
      const help = isNumeric(nature) ? 'The result is one number here: compare it directly.' : undefined;
      throw new Refusal(list ?? node, `builtin ${node.name} takes only array (got ${nature.kind})`, help);
    }
    const element = nature.kind === 'array' ? nature.of : UNKNOWN;
    const pointers = POINTERS[node.name] ?? NO_POINTERS;
    const gives = predicate === undefined ? undefined : this.#inside({ element, pointers }, predicate);
    if (third !== undefined) {
      const order = this.visit(third);
      if (node.name === 'sortBy' && order.kind !== 'string' && order.kind !== 'unknown') {
        throw new Refusal(third, `sortBy order argument must be a string (got ${order.kind})`);
      }
    }
    if (gives !== undefined && predicate !== undefined && node.name !== 'reduce' && gives.kind === 'nil') {
      throw new Refusal(predicate, 'predicate should has one input and one output param');
    }
    if (
      gives !== undefined &&
      predicate !== undefined &&
      WANTS_BOOL.has(node.name) &&
      gives.kind !== 'bool' &&
      gives.kind !== 'unknown'
    ) {
      throw new Refusal(predicate, `predicate should return boolean (got ${gives.kind})`);
    }
    return natureOfPredicate(node.name, nature, element, gives);
  }

  #inside(scope: Scope, predicate: Node): Nature {
    this.#scopes.push(scope);
    const nature = this.visit(predicate);
    this.#scopes.pop();
    return nature;
  }

  #let(node: Extract<Node, { kind: 'let' }>): Nature {
    const isTaken =
      this.#surroundings.natures.has(node.name) ||
      functionNamed(node.name, this.#surroundings) !== undefined ||
      PREDICATE_USAGE.has(node.name) ||
      this.#variables.some(({ name }) => name === node.name);
    if (isTaken) throw new Refusal(node, `cannot redeclare ${node.name}`, 'Choose another name.');
    const nature = this.visit(node.value);
    this.#variables.push({ name: node.name, nature });
    const body = this.visit(node.body);
    this.#variables.pop();
    return body;
  }

  #conditional({ condition, then, otherwise }: Extract<Node, { kind: 'conditional' }>): Nature {
    const asked = this.visit(condition);
    if (asked.kind !== 'bool' && asked.kind !== 'unknown') {
      throw new Refusal(condition, `non-bool expression (type ${asked.kind}) used as condition`);
    }
    const one = this.visit(then);
    const other = this.visit(otherwise);
    if (one.kind === 'nil') return other;
    if (other.kind === 'nil') return one;
    if (!isAssignable(one, other)) return UNKNOWN;
    if (one.kind === 'array' && other.kind === 'array' && one.of.kind !== other.of.kind) return ARRAY;
    return one;
  }

  #array(items: readonly Node[]): Nature {
    const natures = items.map((item) => this.visit(item));
    const last = natures.at(-1) ?? UNKNOWN;
    return natures.every(({ kind }) => kind === last.kind) ? arrayOf(last) : ARRAY;
  }
}

const NO_POINTERS: ReadonlyMap<string, Nature> = new Map();
const POINTERS: Readonly<Record<string, ReadonlyMap<string, Nature>>> = {
  map: new Map([['index', INT]]),
  reduce: new Map([
    ['index', INT],
    ['acc', UNKNOWN],
  ]),
};
const WANTS_BOOL: ReadonlySet<string> = new Set([
  'all',
  'none',
  'any',
  'one',
  'filter',
  'count',
  'find',
  'findLast',
  'findIndex',
  'findLastIndex',
]);

function natureOfPredicate(name: string, list: Nature, element: Nature, gives: Nature | undefined): Nature {
  switch (name) {
    case 'filter':
      return list.kind === 'unknown' ? ARRAY : arrayOf(element);
    case 'map':
      return arrayOf(gives ?? UNKNOWN);
    case 'count':
    case 'findIndex':
    case 'findLastIndex':
      return INT;
    case 'sum':
      return gives ?? element;
    case 'find':
    case 'findLast':
      return element;
    case 'groupBy':
      return MAP;
    case 'sortBy':
      return list;
    case 'reduce':
      return gives ?? UNKNOWN;
    default:
      return BOOL;
  }
}

/** What `left operator right` gives; `undefined` when it can never work. */
function natureOfOperation(operator: BinaryOperator, left: Nature, right: Nature): Nature | undefined {
  const are = (one: Nature['kind'], other: Nature['kind']): boolean => left.kind === one && right.kind === other;
  const areNumbers = isNumeric(left) && isNumeric(right);
  const number = left.kind === 'float' || right.kind === 'float' ? FLOAT : INT;
  switch (operator) {
    case '==':
    case '!=':
      return isComparable(left, right) ? BOOL : undefined;
    case 'or':
    case '||':
    case 'and':
    case '&&':
      return are('bool', 'bool') || mayBe(left, right, 'bool') ? BOOL : undefined;
    case '+':
      if (areNumbers) return number;
      if (are('string', 'string')) return STRING;
      if (are('time', 'duration') || are('duration', 'time')) return TIME;
      if (are('duration', 'duration')) return DURATION;
      return mayBe(left, right, 'int', 'float', 'string', 'time', 'duration') ? UNKNOWN : undefined;
    case '-':
      if (areNumbers) return number;
      if (are('time', 'time') || are('duration', 'duration')) return DURATION;
      if (are('time', 'duration')) return TIME;
      return mayBe(left, right, 'int', 'float', 'time', 'duration') ? UNKNOWN : undefined;
    case '*':
      if (areNumbers) return number;
      if (are('duration', 'duration')) return DURATION;
      if ((isNumeric(left) && right.kind === 'duration') || (left.kind === 'duration' && isNumeric(right)))
        return DURATION;
      return mayBe(left, right, 'int', 'float', 'duration') ? UNKNOWN : undefined;
    case '/':
    case '**':
    case '^':
      return areNumbers || mayBe(left, right, 'int', 'float') ? FLOAT : undefined;
    case '%':
      return are('int', 'int') || mayBe(left, right, 'int') ? INT : undefined;
    case '..':
      return are('int', 'int') || mayBe(left, right, 'int') ? arrayOf(INT) : undefined;
    case 'in':
      return mayBeIn(left, right) ? BOOL : undefined;
    case 'matches':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return are('string', 'string') || mayBe(left, right, 'string') ? BOOL : undefined;
    case '??':
      if (left.kind === 'nil') return right;
      return right.kind === 'nil' || isAssignable(right, left) ? left : UNKNOWN;
  }
}

function mayBeIn(left: Nature, right: Nature): boolean {
  if (right.kind === 'map') return left.kind === 'string' || left.kind === 'unknown';
  if (right.kind === 'array') return isComparable(left, right.of);
  return right.kind === 'unknown' || (left.kind === 'unknown' && right.kind === 'string');
}

function mismatch(
  place: { readonly start: number; readonly end: number },
  operator: string,
  left: Nature,
  right: Nature,
): Refusal {
  const kinds = [left.kind, right.kind];
  const isListWithOne = kinds.includes('array') && ['<', '>', '<=', '>=', '==', '!='].includes(operator);
  const help = isListWithOne
    ? 'A vector is a list, even with one element: write [0] after it, or all(result, # < …).'
    : kinds.includes('nil')
      ? 'There is no value: write default(result, 0), or isNil(result) with one condition for each case.'
      : kinds.includes('string') && kinds.some((kind) => kind === 'int' || kind === 'float')
        ? 'Turn the string into a number with asFloat(…).'
        : undefined;
  return new Refusal(place, `invalid operation: ${operator} (mismatched types ${left.kind} and ${right.kind})`, help);
}

/** The operators on values that are there, as expr-lang's runtime computes them (vm/runtime). */
import { CallFailed } from './functions/signature.ts';
import { toWhole } from './functions/numbers.ts';
import { matchesRegex } from './regex.ts';
import type { BinaryOperator, ComparisonOperator } from './syntax.ts';
import {
  compareValues,
  equals,
  Instant,
  int64,
  isArray,
  isMap,
  isNumber,
  Span,
  typeName,
  type Value,
} from './value.ts';

/** `make` is told how many elements come into being. */
export function binaryOf(operator: BinaryOperator, one: Value, other: Value, make: (size: number) => void): Value {
  switch (operator) {
    case '==':
      return equals(one, other);
    case '!=':
      return !equals(one, other);
    case 'in':
      return isIn(one, other);
    case 'matches':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return ofTexts(operator, one, other);
    case '..':
      return range(toWhole(one, '..'), toWhole(other, '..'), make);
    case '+':
      return add(one, other, make);
    case '-':
      return subtract(one, other);
    case '*':
      return multiply(one, other);
    case '/':
      if (isNumber(one) && isNumber(other)) return Number(one) / Number(other);
      break;
    case '%':
      return remainder(one, other);
    case '**':
    case '^':
      if (isNumber(one) && isNumber(other)) return power(Number(one), Number(other));
      break;
    case 'or':
    case '||':
    case 'and':
    case '&&':
    case '??':
      break; // decided by whoever walks the tree, the right side may not be looked at
  }
  throw invalid(operator, one, other);
}

export function compareBy(operator: ComparisonOperator, one: Value, other: Value): boolean {
  const difference = compareValues(one, other);
  if (difference === undefined) throw invalid(operator, one, other);
  switch (operator) {
    case '<':
      return difference < 0;
    case '>':
      return difference > 0;
    case '<=':
      return difference <= 0;
    case '>=':
      return difference >= 0;
  }
}

/** Bounds beyond the ends are moved to them; negative ones count from the end. */
export function sliceOf(of: Value, from: Value | undefined, to: Value | undefined): Value {
  if (typeof of !== 'string' && !isArray(of)) throw new CallFailed(`cannot slice ${typeName(of)}`);
  const { length } = of;
  const bound = (value: Value | undefined, fallback: number): number => {
    const index = value === undefined ? fallback : Number(toWhole(value, 'index'));
    return Math.min(length, Math.max(0, index < 0 ? length + index : index));
  };
  return of.slice(bound(from, 0), bound(to, length));
}

function isIn(needle: Value, within: Value): boolean {
  if (within === null) return false;
  if (isArray(within)) return within.some((item) => equals(item, needle));
  if (isMap(within)) {
    if (typeof needle !== 'string' && needle !== null)
      throw new CallFailed(`cannot use ${typeName(needle)} as a map key`);
    return needle === null ? within.has('') : within.has(needle);
  }
  throw new CallFailed(`operator "in" not defined on ${typeName(within)}`);
}

function ofTexts(operator: 'matches' | 'contains' | 'startsWith' | 'endsWith', one: Value, other: Value): boolean {
  if (one === null || other === null) return false;
  if (typeof one !== 'string' || typeof other !== 'string') throw invalid(operator, one, other);
  switch (operator) {
    case 'matches':
      return matchesRegex(other, one);
    case 'contains':
      return one.includes(other);
    case 'startsWith':
      return one.startsWith(other);
    case 'endsWith':
      return one.endsWith(other);
  }
}

function range(from: bigint, to: bigint, make: (size: number) => void): Value {
  const size = Math.max(0, Number(to - from) + 1);
  make(size);
  return Array.from({ length: size }, (_, index) => from + BigInt(index));
}

function add(one: Value, other: Value, make: (size: number) => void): Value {
  if (typeof one === 'bigint' && typeof other === 'bigint') return int64(one + other);
  if (isNumber(one) && isNumber(other)) return Number(one) + Number(other);
  if (typeof one === 'string' && typeof other === 'string') {
    make(one.length + other.length);
    return one + other;
  }
  if (one instanceof Instant && other instanceof Span) return new Instant(one.ns + other.ns);
  if (one instanceof Span && other instanceof Instant) return new Instant(one.ns + other.ns);
  if (one instanceof Span && other instanceof Span) return new Span(int64(one.ns + other.ns));
  throw invalid('+', one, other);
}

function subtract(one: Value, other: Value): Value {
  if (typeof one === 'bigint' && typeof other === 'bigint') return int64(one - other);
  if (isNumber(one) && isNumber(other)) return Number(one) - Number(other);
  if (one instanceof Instant && other instanceof Instant) return new Span(int64(one.ns - other.ns));
  if (one instanceof Instant && other instanceof Span) return new Instant(one.ns - other.ns);
  if (one instanceof Span && other instanceof Span) return new Span(int64(one.ns - other.ns));
  throw invalid('-', one, other);
}

function multiply(one: Value, other: Value): Value {
  if (typeof one === 'bigint' && typeof other === 'bigint') return int64(one * other);
  if (isNumber(one) && isNumber(other)) return Number(one) * Number(other);
  if (one instanceof Span && other instanceof Span) return new Span(int64(one.ns * other.ns));
  if (one instanceof Span && isNumber(other)) return scaled(one, other);
  if (isNumber(one) && other instanceof Span) return scaled(other, one);
  throw invalid('*', one, other);
}

function scaled(span: Span, by: number | bigint): Span {
  return new Span(typeof by === 'bigint' ? int64(span.ns * by) : toWhole(Number(span.ns) * by, 'duration'));
}

function remainder(one: Value, other: Value): bigint {
  if (typeof one !== 'bigint' || typeof other !== 'bigint') throw invalid('%', one, other);
  if (other === 0n) throw new CallFailed('integer divide by zero');
  return one % other;
}

/** Go's math.Pow: 1 to any power is 1, and −1 to an infinite one. */
function power(base: number, exponent: number): number {
  if (base === 1 || (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY)) return 1;
  return base ** exponent;
}

function invalid(operator: string, one: Value, other: Value): CallFailed {
  return new CallFailed(`invalid operation: ${typeName(one)} ${operator} ${typeName(other)}`);
}

/** Numbers: rounding, conversion, minimum to median, bits. */
import { FLOAT, INT, isNumeric, type Nature, UNKNOWN } from '../nature.ts';
import { compareValues, int64, isArray, isNumber, printValue, typeName, type Value } from '../value.ts';
import { CallFailed, type ExpressionFunction, type Signature, typed, wholeOf } from './signature.ts';

const oneNumber = (name: string, gives?: Nature): Signature => ({
  usage: `${name}(number)`,
  takes: ['number'],
  gives: gives ?? UNKNOWN,
});

const rounding = (name: string, round: (value: number) => number): ExpressionFunction =>
  typed(name, oneNumber(name, FLOAT), ([value]) => (typeof value === 'bigint' ? Number(value) : round(Number(value))));

const INTEGER = /^[+-]?\d+$/;
const FLOATING = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * A float loses its fraction. NaN and what does not fit into 64 bits are refused: Go gives a different number on each processor.
 */
export function toWhole(value: Value | undefined, name: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') {
    const whole = Number.isFinite(value) ? BigInt(Math.trunc(value)) : undefined;
    if (whole !== undefined && int64(whole) === whole) return whole;
    throw new CallFailed(`${name}(${printValue(value)}): not a whole number of 64 bits`);
  }
  if (typeof value === 'string') {
    const whole = INTEGER.test(value) ? BigInt(value.replace('+', '')) : undefined;
    if (whole !== undefined && int64(whole) === whole) return whole;
    throw new CallFailed(`${name}(${JSON.stringify(value.slice(0, 40))}): not a whole number`);
  }
  throw new CallFailed(`${name}() not supported on ${typeName(value ?? null)}`);
}

export function toFloat(value: Value | undefined, name: string): number {
  if (value !== undefined && isNumber(value)) return Number(value);
  if (typeof value !== 'string') throw new CallFailed(`${name}() not supported on ${typeName(value ?? null)}`);
  if (/^[+-]?(inf|infinity)$/i.test(value))
    return value.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^[+-]?nan$/i.test(value)) return Number.NaN;
  const number = FLOATING.test(value) ? Number(value) : Number.NaN;
  if (Number.isFinite(number)) return number;
  throw new CallFailed(`${name}(${JSON.stringify(value.slice(0, 40))}): not a number`);
}

const converting = (name: string, gives: Nature, run: ExpressionFunction['run']): ExpressionFunction => {
  const function_ = typed(name, { usage: `${name}(value)`, takes: ['any'], gives }, run);
  const isConvertible = ({ kind }: Nature): boolean => ['unknown', 'int', 'float', 'string'].includes(kind);
  return {
    ...function_,
    check: (args) =>
      args.every(isConvertible) ? function_.check(args) : `invalid argument for ${name} (type ${args[0]?.kind ?? ''})`,
  };
};

/** Functions over numbers and (nested) lists of numbers. */
function aggregate(name: string, run: ExpressionFunction['run']): ExpressionFunction {
  return {
    name,
    usage: `${name}(numbers)`,
    check: (args) => {
      const [first] = args;
      if (first === undefined) return `not enough arguments to call ${name}`;
      for (const arg of args) {
        if (arg.kind === 'unknown' || arg.kind === 'array') return UNKNOWN;
        if (!isNumeric(arg)) return `invalid argument for ${name} (type ${arg.kind})`;
      }
      return first;
    },
    run,
  };
}

/** `isNext` tells when the later one replaces the earlier one; NaN never does, and is never replaced. */
function extreme(name: string, isNext: (difference: number) => boolean): ExpressionFunction {
  const fold = (values: readonly Value[]): Value => {
    let best: Value = null;
    for (const value of values) {
      const next = isArray(value) ? fold(value) : value;
      if (next === null && isArray(value)) continue;
      if (!isNumber(next)) throw new CallFailed(`invalid argument for ${name} (type ${typeName(next)})`);
      if (best === null || isNext(compareValues(next, best) ?? Number.NaN)) best = next;
    }
    return best;
  };
  return aggregate(name, (args) => {
    const [first = null] = args;
    return args.length === 1 && !isArray(first) ? first : fold(args);
  });
}

function numbersIn(values: readonly Value[], name: string): number[] {
  return values.flatMap((value) => {
    if (isArray(value)) return numbersIn(value, name);
    if (isNumber(value)) return [Number(value)];
    throw new CallFailed(`invalid argument for ${name} (type ${typeName(value)})`);
  });
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** NaN sorts first, as in Go. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => {
    if (Number.isNaN(one)) return Number.isNaN(other) ? 0 : -1;
    return Number.isNaN(other) ? 1 : one - other;
  });
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

const bits = (name: string, run: (one: bigint, other: bigint) => bigint): ExpressionFunction =>
  typed(name, { usage: `${name}(int, int)`, takes: ['int', 'int'], gives: INT }, ([one, other]) =>
    int64(run(wholeOf(one), wholeOf(other))),
  );

/** Shifting by 64 bits and more leaves nothing, or the sign. */
function shift(run: (value: bigint, by: bigint) => bigint): (value: bigint, by: bigint) => bigint {
  return (value, by) => {
    if (by < 0n) throw new CallFailed(`invalid operation: negative shift count ${by}`);
    return run(value, by > 64n ? 64n : by);
  };
}

export const NUMBER_FUNCTIONS: readonly ExpressionFunction[] = [
  {
    ...typed('abs', oneNumber('abs'), ([value = null]) =>
      typeof value === 'bigint' ? int64(value < 0n ? -value : value) : Math.abs(Number(value)),
    ),
    check: ([value, ...more]) => {
      if (value === undefined || more.length > 0) return 'invalid number of arguments (expected 1)';
      return value.kind === 'unknown' || isNumeric(value) ? value : `invalid argument for abs (type ${value.kind})`;
    },
  },
  rounding('ceil', Math.ceil),
  rounding('floor', Math.floor),
  rounding('round', (value) => Math.sign(value) * Math.round(Math.abs(value))),
  converting('int', INT, ([value]) => toWhole(value, 'int')),
  converting('float', FLOAT, ([value]) => toFloat(value, 'float')),
  extreme('max', (difference) => difference > 0),
  extreme('min', (difference) => difference < 0),
  aggregate('mean', (args) => mean(numbersIn(args, 'mean'))),
  aggregate('median', (args) => median(numbersIn(args, 'median'))),
  bits('bitand', (one, other) => one & other),
  bits('bitor', (one, other) => one | other),
  bits('bitxor', (one, other) => one ^ other),
  bits('bitnand', (one, other) => one & ~other),
  bits(
    'bitshl',
    shift((value, by) => value << by),
  ),
  bits(
    'bitshr',
    shift((value, by) => value >> by),
  ),
  bits(
    'bitushr',
    shift((value, by) => BigInt.asUintN(64, value) >> by),
  ),
  typed('bitnot', { usage: 'bitnot(int)', takes: ['int'], gives: INT }, ([value]) => ~wholeOf(value)),
];

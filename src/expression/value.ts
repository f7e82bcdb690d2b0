/**
 * Values of expressions. Integers are `bigint` (64 bits, as Go's int), floats are `number`; objects are Maps, so that no name can
 * reach a prototype. Times and durations are nanoseconds.
 */

export class Instant {
  readonly ns: bigint;
  constructor(ns: bigint) {
    this.ns = ns;
  }
}

export class Span {
  readonly ns: bigint;
  constructor(ns: bigint) {
    this.ns = ns;
  }
}

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Instant
  | Span
  | readonly Value[]
  | ReadonlyMap<Value, Value>;

/** A JSON value as a Value; numbers are floats, as Go's JSON decoder gives them. What JSON does not know becomes nil. */
export function valueOfJson(json: unknown): Value {
  if (typeof json === 'string' || typeof json === 'number' || typeof json === 'boolean') return json;
  if (Array.isArray(json)) return json.map(valueOfJson);
  if (typeof json !== 'object' || json === null) return null;
  return new Map(Object.entries(json).map(([key, item]) => [key, valueOfJson(item)] as const));
}

export const isArray = (value: Value): value is readonly Value[] => Array.isArray(value);

export const isMap = (value: Value): value is ReadonlyMap<Value, Value> => value instanceof Map;

export const int64 = (value: bigint): bigint => BigInt.asIntN(64, value);

/** The type's name in messages. */
export function typeName(
  value: Value,
): 'nil' | 'bool' | 'int' | 'float' | 'string' | 'time' | 'duration' | 'array' | 'map' {
  if (value === null) return 'nil';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'float';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'string') return 'string';
  if (value instanceof Instant) return 'time';
  if (value instanceof Span) return 'duration';
  return isArray(value) ? 'array' : 'map';
}

/** As Go's `==` of expr-lang: numbers by value, whatever their kind; lists element by element; maps by exact type and value. */
export function equals(one: Value, other: Value): boolean {
  if (isNumber(one) && isNumber(other))
    return typeof one === typeof other ? one === other : Number(one) === Number(other);
  if (isArray(one) && isArray(other)) {
    return one.length === other.length && one.every((item, index) => equals(item, other[index] ?? null));
  }
  if (one instanceof Instant && other instanceof Instant) return one.ns === other.ns;
  if (one instanceof Span && other instanceof Span) return one.ns === other.ns;
  if (isMap(one) && isMap(other)) {
    return (
      one.size === other.size &&
      [...one].every(([key, item]) => other.has(key) && isIdentical(item, other.get(key) ?? null))
    );
  }
  return one === other;
}

/** Inside maps a number of another kind is another value. */
function isIdentical(one: Value, other: Value): boolean {
  if (isNumber(one) && isNumber(other)) return one === other;
  if (isArray(one) && isArray(other)) {
    return one.length === other.length && one.every((item, index) => isIdentical(item, other[index] ?? null));
  }
  return equals(one, other);
}

export const isNumber = (value: Value): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint';

/** Negative, zero or positive; NaN when one side is NaN; `undefined` when the two cannot be ordered. */
export function compareValues(one: Value, other: Value): number | undefined {
  if (typeof one === 'bigint' && typeof other === 'bigint') return one < other ? -1 : Number(one > other);
  if (isNumber(one) && isNumber(other)) return order(Number(one), Number(other));
  if (typeof one === 'string' && typeof other === 'string') return one < other ? -1 : Number(one > other);
  const areTimes =
    (one instanceof Instant && other instanceof Instant) || (one instanceof Span && other instanceof Span);
  if (areTimes) return one.ns < other.ns ? -1 : Number(one.ns > other.ns);
  return undefined;
}

function order(one: number, other: number): number {
  if (Number.isNaN(one) || Number.isNaN(other)) return Number.NaN;
  return one < other ? -1 : Number(one > other);
}

/** As Go prints it with `%v`: what the measurement's `value` shows. */
export function printValue(value: Value): string {
  if (value === null) return '<nil>';
  if (typeof value === 'number') return printFloat(value);
  if (value instanceof Instant) return new Date(Number(value.ns / 1_000_000n)).toISOString();
  if (value instanceof Span) return `${printFloat(Number(value.ns) / 1e9)}s`;
  if (isArray(value)) return `[${value.map(printValue).join(' ')}]`;
  if (isMap(value)) {
    const entries = [...value].map(([key, item]) => `${printValue(key)}:${printValue(item)}`);
    return `map[${entries.toSorted().join(' ')}]`;
  }
  return String(value);
}

/** Go's shortest form: exponents below 1e-4 and from 1e21 on, with at least two digits. */
export function printFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e21)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return Object.is(value, -0) ? '-0' : String(value);
}

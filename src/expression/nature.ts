/** What is known of a value before it is there (expr-lang's checker/nature): mistakes are found although no series answered yet. */
import { typeName, type Value } from './value.ts';

export type Nature =
  | { readonly kind: 'unknown' | 'nil' | 'bool' | 'int' | 'float' | 'string' | 'time' | 'duration' | 'map' }
  /** `stored`: what Go's own slice says of its elements, where the checker forgets the rest. */
  | { readonly kind: 'array'; readonly of: Nature; readonly stored: Nature };

export const UNKNOWN: Nature = { kind: 'unknown' };
export const NIL: Nature = { kind: 'nil' };
export const BOOL: Nature = { kind: 'bool' };
export const INT: Nature = { kind: 'int' };
export const FLOAT: Nature = { kind: 'float' };
export const STRING: Nature = { kind: 'string' };
export const TIME: Nature = { kind: 'time' };
export const DURATION: Nature = { kind: 'duration' };
export const MAP: Nature = { kind: 'map' };
/** What Prometheus answers for a vector. */
export const FLOATS: Nature = { kind: 'array', of: FLOAT, stored: FLOAT };
export const STRINGS: Nature = { kind: 'array', of: STRING, stored: STRING };

export const arrayOf = (of: Nature): Nature => ({ kind: 'array', of, stored: UNKNOWN });
export const ARRAY: Nature = arrayOf(UNKNOWN);

export const isNumeric = ({ kind }: Nature): boolean => kind === 'int' || kind === 'float';

/** What can be known of a value that is there; elements of lists are looked at when they are used. */
export function natureOf(value: Value): Nature {
  const kind = typeName(value);
  return kind === 'array' ? ARRAY : { kind };
}

/** Go's assignability between the types that expressions know. */
export function isAssignable(one: Nature, other: Nature): boolean {
  if (one.kind === 'nil') return other.kind === 'map' || other.kind === 'array' || other.kind === 'unknown';
  if (one.kind === 'unknown') return other.kind === 'unknown';
  if (other.kind === 'unknown') return true;
  if (one.kind === 'array' && other.kind === 'array') return one.stored.kind === other.stored.kind;
  return one.kind === other.kind;
}

/** Whether `==` may be asked of the two. */
export function isComparable(one: Nature, other: Nature): boolean {
  const kinds = [one.kind, other.kind];
  if (kinds.includes('unknown') || kinds.includes('nil')) return true;
  return (isNumeric(one) && isNumeric(other)) || one.kind === other.kind;
}

/** Both are of one of these kinds, or one is and the other is not known, or neither is known. */
export function mayBe(one: Nature, other: Nature, ...kinds: readonly Nature['kind'][]): boolean {
  const isOne = (nature: Nature): boolean => nature.kind === 'unknown' || kinds.includes(nature.kind);
  return isOne(one) && isOne(other) && (one.kind === 'unknown' || other.kind === 'unknown');
}

/** Functions that ask a predicate of each element: all, any, filter, sum, reduce and the like. */
import { sorted } from './functions/lists.ts';
import { CallFailed } from './functions/signature.ts';
import { binaryOf } from './operations.ts';
import { typeName, type Value } from './value.ts';

/** One element's turn; what `#`, `#index` and `#acc` stand for. */
export interface Turn {
  readonly element: Value;
  readonly index: number;
  readonly acc: Value;
}

type Ask = (turn: Turn) => Value;

/** Stops as soon as the outcome is known, as expr-lang does, so that later elements cannot fail. */
export function goThrough(
  name: string,
  list: readonly Value[],
  ask: Ask,
  extra: Value | undefined,
  make: (size: number) => void,
): Value {
  const turn = (index: number, acc: Value = null): Turn => ({ element: list[index] ?? null, index, acc });
  const valueOf = (index: number): Value => ask(turn(index));
  const holds = (index: number): boolean => truth(valueOf(index));
  const indexes = list.map((_, index) => index);
  switch (name) {
    case 'all':
      return indexes.every(holds);
    case 'any':
      return indexes.some(holds);
    case 'none':
      return !indexes.some(holds);
    case 'one':
      return indexes.filter(holds).length === 1;
    case 'count':
      return BigInt(indexes.filter(holds).length);
    case 'filter':
      make(list.length);
      return indexes.filter(holds).map((index) => list[index] ?? null);
    case 'map':
      make(list.length);
      return indexes.map(valueOf);
    case 'sum':
      return indexes.reduce<Value>((sum, index) => binaryOf('+', sum, valueOf(index), make), 0n);
    case 'find':
      return list[indexes.find(holds) ?? -1] ?? null;
    case 'findLast':
      return list[indexes.findLast(holds) ?? -1] ?? null;
    case 'findIndex':
      return indexOrNil(indexes.find(holds));
    case 'findLastIndex':
      return indexOrNil(indexes.findLast(holds));
    case 'groupBy':
      make(list.length);
      return groups(list, indexes.map(valueOf));
    case 'sortBy': {
      make(list.length);
      const keys = indexes.map(valueOf);
      return sorted(list, (index) => keys[index] ?? null, extra);
    }
    case 'reduce':
      return reduce(list, (index, acc) => ask(turn(index, acc)), extra);
    default:
      throw new CallFailed(`unknown builtin ${name}`);
  }
}

function truth(value: Value): boolean {
  if (typeof value === 'boolean') return value;
  throw new CallFailed(`predicate should return boolean (got ${typeName(value)})`);
}

const indexOrNil = (index: number | undefined): Value => (index === undefined ? null : BigInt(index));

function groups(list: readonly Value[], keys: readonly Value[]): Value {
  const found = new Map<Value, Value[]>();
  for (const [index, key] of keys.entries()) {
    if (typeof key === 'object' && key !== null) throw new CallFailed(`cannot group by ${typeName(key)}`);
    const group = found.get(key);
    if (group === undefined) found.set(key, [list[index] ?? null]);
    else group.push(list[index] ?? null);
  }
  return found;
}

/** Without a first value the first element is it. */
function reduce(list: readonly Value[], next: (index: number, acc: Value) => Value, first: Value | undefined): Value {
  if (first === undefined && list.length === 0) throw new CallFailed('reduce of empty array with no initial value');
  let acc = first ?? list[0] ?? null;
  for (let index = first === undefined ? 1 : 0; index < list.length; index++) acc = next(index, acc);
  return acc;
}

/** Lists and maps: ends, parts, order. */
import { ARRAY, INT, MAP, type Nature, STRING, UNKNOWN } from '../nature.ts';
import { compareValues, equals, isArray, isMap, typeName, type Value } from '../value.ts';
import { CallFailed, type ExpressionFunction, listOf, typed } from './signature.ts';
import { toWhole } from './numbers.ts';

function oneArgument(
  name: string,
  usage: string,
  kinds: readonly Nature['kind'][],
  gives: (arg: Nature) => Nature,
  run: ExpressionFunction['run'],
): ExpressionFunction {
  return {
    name,
    usage,
    check: ([arg, ...more]) => {
      if (arg === undefined || more.length > 0) return `invalid number of arguments for ${name} (expected 1)`;
      return arg.kind === 'unknown' || kinds.includes(arg.kind)
        ? gives(arg)
        : `invalid argument for ${name} (type ${arg.kind})`;
    },
    run,
  };
}

const ofList = (name: string, run: (list: readonly Value[]) => Value): ExpressionFunction =>
  oneArgument(
    name,
    `${name}(array)`,
    ['array'],
    () => ARRAY,
    ([list = null], { make }) => {
      if (!isArray(list)) throw new CallFailed(`cannot ${name} ${typeName(list)}`);
      make(list.length);
      return run(list);
    },
  );

const ofMap = (name: string, run: (map: ReadonlyMap<Value, Value>) => readonly Value[]): ExpressionFunction =>
  oneArgument(
    name,
    `${name}(map)`,
    ['map'],
    () => ARRAY,
    ([map = null], { make }) => {
      if (!isMap(map)) throw new CallFailed(`cannot get ${name} from ${typeName(map)}`);
      make(map.size);
      return run(map);
    },
  );

const end = (name: string, index: bigint): ExpressionFunction =>
  oneArgument(
    name,
    `${name}(array)`,
    ['array'],
    (arg) => (arg.kind === 'array' ? arg.stored : UNKNOWN),
    ([list = null]) => (isArray(list) ? elementAt(list, index) : null),
  );

/** Counted from the end when negative; nil where there is none. */
export function elementAt(list: readonly Value[], index: bigint): Value {
  return list.at(Number(index)) ?? null;
}

/** Nil where there is none. Names of fields are strings; only `groupBy` makes maps that have other keys. */
export function fieldOf(map: ReadonlyMap<Value, Value>, key: Value): Value {
  if (map.has(key) || typeof key === 'string') return map.get(key) ?? null;
  throw new CallFailed(`cannot use ${typeName(key)} to get an element from a map`);
}

function lengthOf(value: Value): number {
  if (typeof value === 'string') return Array.from(value).length;
  if (isArray(value)) return value.length;
  if (isMap(value)) return value.size;
  throw new CallFailed(`invalid argument for len (type ${typeName(value)})`);
}

function get(from: Value, key: Value): Value {
  if (isMap(from)) return fieldOf(from, key);
  return isArray(from) ? elementAt(from, toWhole(key, 'get')) : null;
}

function flatten(list: readonly Value[], make: (size: number) => void): readonly Value[] {
  make(list.length);
  return list.flatMap((item) => (isArray(item) ? flatten(item, make) : [item]));
}

function unique(list: readonly Value[]): readonly Value[] {
  // Looking through lists is quadratic; what JavaScript can tell apart by itself is looked up.
  const seen = new Set<Value>();
  const kept: Value[] = [];
  for (const item of list) {
    const key = typeof item === 'bigint' ? Number(item) : item;
    if (seen.has(key) && !Number.isNaN(key)) continue;
    if (typeof item === 'object' && kept.some((other) => equals(item, other))) continue;
    seen.add(key);
    kept.push(item);
  }
  return kept;
}

/** Sorted; refuses what cannot be ordered. `keyOf` gives what decides. */
export function sorted(
  list: readonly Value[],
  keyOf: (index: number) => Value,
  order: Value | undefined,
): readonly Value[] {
  if (order !== undefined && order !== 'asc' && order !== 'desc') {
    throw new CallFailed(`invalid order ${typeof order === 'string' ? order : typeName(order)}, expected asc or desc`);
  }
  const sign = order === 'desc' ? -1 : 1;
  const indexes = [...list.keys()].toSorted((one, other) => {
    const difference = compareValues(keyOf(one), keyOf(other));
    if (difference === undefined) {
      throw new CallFailed(`cannot compare ${typeName(keyOf(one))} with ${typeName(keyOf(other))}`);
    }
    return sign * (Number.isNaN(difference) ? 0 : difference);
  });
  return indexes.map((index) => list[index] ?? null);
}

function fromPairs(list: readonly Value[]): Value {
  return new Map(
    list.map((pair): readonly [Value, Value] => {
      const [key, value, ...more] = isArray(pair) ? pair : [];
      if (key === undefined || value === undefined || more.length > 0) throw new CallFailed('invalid pair');
      return [key, value];
    }),
  );
}

export const LIST_FUNCTIONS: readonly ExpressionFunction[] = [
  oneArgument(
    'len',
    'len(array, map or string)',
    ['array', 'map', 'string'],
    () => INT,
    ([value = null]) => BigInt(lengthOf(value)),
  ),
  typed('type', { usage: 'type(value)', takes: ['any'], gives: STRING }, ([value = null]) => {
    const name = typeName(value);
    return name === 'time' ? 'time.Time' : name === 'duration' ? 'time.Duration' : name;
  }),
  end('first', 0n),
  end('last', -1n),
  {
    name: 'get',
    usage: 'get(array or map, key)',
    check: ([from, key, ...more]) => {
      if (from === undefined || key === undefined || more.length > 0) return 'invalid number of arguments (expected 2)';
      if (from.kind === 'array') {
        return key.kind === 'int' || key.kind === 'unknown' ? from.of : `non-integer slice index ${key.kind}`;
      }
      if (from.kind === 'map') {
        return key.kind === 'string' || key.kind === 'unknown'
          ? UNKNOWN
          : `cannot use ${key.kind} to get an element from a map`;
      }
      return from.kind === 'unknown' ? UNKNOWN : `type ${from.kind} does not support indexing`;
    },
    run: ([from = null, key = null]) => get(from, key),
  },
  typed('take', { usage: 'take(array, int)', takes: ['array', 'int'], gives: ARRAY }, ([list, count = null]) => {
    const most = toWhole(count, 'take');
    if (most < 0n) throw new CallFailed(`cannot take ${most} elements`);
    return listOf(list).slice(0, Number(most));
  }),
  ofMap('keys', (map) => [...map.keys()]),
  ofMap('values', (map) => [...map.values()]),
  ofMap('toPairs', (map) => [...map].map(([key, value]) => [key, value])),
  oneArgument(
    'fromPairs',
    'fromPairs(array)',
    ['array'],
    () => MAP,
    ([list]) => fromPairs(listOf(list)),
  ),
  ofList('reverse', (list) => list.toReversed()),
  ofList('uniq', unique),
  {
    name: 'concat',
    usage: 'concat(arrays)',
    check: (args) => {
      if (args.length === 0) return 'invalid number of arguments (expected at least 1, got 0)';
      const wrong = args.find(({ kind }) => kind !== 'unknown' && kind !== 'array');
      return wrong === undefined ? ARRAY : `cannot concat ${wrong.kind}`;
    },
    run: (args, { make }) =>
      args.flatMap((list) => {
        if (!isArray(list)) throw new CallFailed(`cannot concat ${typeName(list)}`);
        make(list.length);
        return list;
      }),
  },
  oneArgument(
    'flatten',
    'flatten(array)',
    ['array'],
    () => ARRAY,
    ([list = null], { make }) => {
      if (!isArray(list)) throw new CallFailed(`cannot flatten ${typeName(list)}`);
      return flatten(list, make);
    },
  ),
  typed(
    'sort',
    { usage: 'sort(array)', takes: ['array', 'string'], atLeast: 1, gives: ARRAY },
    ([list, order], { make }) => {
      const items = listOf(list);
      make(items.length);
      return sorted(items, (index) => items[index] ?? null, order);
    },
  ),
];

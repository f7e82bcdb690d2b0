/** All functions that expressions have without any environment; those with predicates are part of the language (predicates.ts). */
import { LIST_FUNCTIONS } from './lists.ts';
import { NUMBER_FUNCTIONS } from './numbers.ts';
import type { ExpressionFunction } from './signature.ts';
import { TEXT_FUNCTIONS } from './texts.ts';
import { TIME_FUNCTIONS } from './times.ts';

export const BUILTINS: ReadonlyMap<string, ExpressionFunction> = new Map(
  [...LIST_FUNCTIONS, ...NUMBER_FUNCTIONS, ...TEXT_FUNCTIONS, ...TIME_FUNCTIONS].map((each) => [each.name, each]),
);

/** Functions that take a predicate, with how they are called. */
export const PREDICATE_USAGE: ReadonlyMap<string, string> = new Map([
  ['all', 'all(array, # > 1)'],
  ['any', 'any(array, # > 1)'],
  ['one', 'one(array, # > 1)'],
  ['none', 'none(array, # > 1)'],
  ['filter', 'filter(array, # > 1)'],
  ['map', 'map(array, # * 2)'],
  ['count', 'count(array, # > 1)'],
  ['sum', 'sum(array)'],
  ['find', 'find(array, # > 1)'],
  ['findIndex', 'findIndex(array, # > 1)'],
  ['findLast', 'findLast(array, # > 1)'],
  ['findLastIndex', 'findLastIndex(array, # > 1)'],
  ['groupBy', 'groupBy(array, .field)'],
  ['sortBy', 'sortBy(array, .field)'],
  ['reduce', 'reduce(array, #acc + #, 0)'],
]);

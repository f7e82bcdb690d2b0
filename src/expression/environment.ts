/** What an expression can see: values and functions by name, and the time. */
import { BUILTINS, PREDICATE_USAGE } from './functions/builtins.ts';
import type { ExpressionFunction } from './functions/signature.ts';
import type { Nature } from './nature.ts';
import type { Value } from './value.ts';

/** Enough to check an expression, before any value is there. */
export interface Surroundings {
  readonly natures: ReadonlyMap<string, Nature>;
  readonly functions: ReadonlyMap<string, ExpressionFunction>;
}

export interface Environment extends Surroundings {
  /** One for each of `natures`. */
  readonly values: ReadonlyMap<string, Value>;
  readonly nowMs: number;
}

/** What one evaluation may cost. */
export interface Budget {
  /** Parts of the expression that are evaluated, elements of lists counted each. */
  readonly steps: number;
  /** Elements and characters that are made. */
  readonly size: number;
}

/** Milliseconds at most; expr-lang's own limit on what is made is 1e6 too. */
export const DEFAULT_BUDGET: Budget = { steps: 1_000_000, size: 1_000_000 };

export function functionNamed(name: string, { functions }: Surroundings): ExpressionFunction | undefined {
  return functions.get(name) ?? BUILTINS.get(name);
}

export function knownNames({ natures, functions }: Surroundings): readonly string[] {
  return [...natures.keys(), ...functions.keys(), ...BUILTINS.keys(), ...PREDICATE_USAGE.keys()];
}

/** A function of expressions: what it takes, what it gives, and what it does. */
import { isNumeric, type Nature } from '../nature.ts';
import { isArray, isMap, typeName, type Value } from '../value.ts';

/** What a call may use besides its arguments. */
export interface CallContext {
  readonly nowMs: number;
  /** Says that so many elements or characters are made; throws when the budget is used up. */
  readonly make: (size: number) => void;
}

export interface ExpressionFunction {
  readonly name: string;
  /** For people: `max(numbers…)`. */
  readonly usage: string;
  /** The nature of the result, or what is wrong with the arguments. */
  readonly check: (args: readonly Nature[]) => Nature | string;
  /** Throws `CallFailed` when it cannot be done with these values. */
  readonly run: (args: readonly Value[], context: CallContext) => Value;
  /** Whole numbers written as literals are given to it as floats. */
  readonly takesFloats?: boolean;
}

/** Thrown by functions; the evaluator says where. */
export class CallFailed extends Error {}

export type Parameter = 'any' | 'number' | 'float' | 'int' | 'string' | 'array' | 'map';

export interface Signature {
  readonly usage: string;
  readonly takes: readonly Parameter[];
  /** How many of them must be given; all where absent. */
  readonly atLeast?: number;
  readonly gives: Nature;
}

/** A function whose arguments have fixed types; they are checked again when values are there. */
export function typed(
  name: string,
  { usage, takes, atLeast = takes.length, gives }: Signature,
  run: ExpressionFunction['run'],
): ExpressionFunction {
  return {
    name,
    usage,
    takesFloats: takes.includes('float'),
    check: (args) => {
      if (args.length < atLeast) return `not enough arguments to call ${name}`;
      if (args.length > takes.length) return `too many arguments to call ${name}`;
      const wrong = args.findIndex((arg, index) => !fits(arg, takes[index] ?? 'any'));
      if (wrong < 0) return gives;
      return `cannot use ${args[wrong]?.kind ?? ''} as argument (type ${takes[wrong] ?? ''}) to call ${name}`;
    },
    run: (args, context) => {
      for (const [index, arg] of args.entries()) {
        const parameter = takes[index] ?? 'any';
        if (holds(arg, parameter)) continue;
        throw new CallFailed(`cannot use ${typeName(arg)} as argument (type ${parameter}) to call ${name}`);
      }
      return run(args, context);
    },
  };
}

function fits(arg: Nature, parameter: Parameter): boolean {
  if (parameter === 'any' || arg.kind === 'unknown') return true;
  if (parameter === 'number' || parameter === 'float') return isNumeric(arg);
  return arg.kind === parameter;
}

function holds(arg: Value, parameter: Parameter): boolean {
  switch (parameter) {
    case 'any':
      return true;
    case 'number':
      return typeof arg === 'number' || typeof arg === 'bigint';
    case 'float':
      return typeof arg === 'number';
    case 'int':
      return typeof arg === 'bigint';
    case 'string':
      return typeof arg === 'string';
    case 'array':
      return isArray(arg);
    case 'map':
      return isMap(arg);
  }
}

/** Arguments whose types a signature has checked. */
export const textOf = (arg: Value | undefined): string => (typeof arg === 'string' ? arg : '');
export const wholeOf = (arg: Value | undefined): bigint => (typeof arg === 'bigint' ? arg : 0n);
export const listOf = (arg: Value | undefined): readonly Value[] => (arg !== undefined && isArray(arg) ? arg : []);

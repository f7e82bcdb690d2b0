/**
 * Kubernetes' JSONPath (client-go util/jsonpath), as far as it selects values: `{.status}`, `{$.items[0]['a.b']}`, `{..name}`,
 * `{.items[*]}`, `{[1:3]}`, `{[-1]}`, `{.items[?(@.kind=="x")].n}`. Paths are data: nothing is evaluated, own properties only.
 */
import { isFields } from '../api/fields.ts';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'every' | 'below' }
  | { readonly kind: 'slice'; readonly from?: number; readonly to?: number; readonly by: number }
  | { readonly kind: 'index'; readonly at: number }
  | { readonly kind: 'union'; readonly steps: readonly Step[] }
  | { readonly kind: 'filter'; readonly left: Operand; readonly right?: Operand; readonly operator?: string };

type Operand =
  | { readonly kind: 'path'; readonly steps: readonly Step[] }
  | { readonly kind: 'literal'; readonly value: unknown };

export type Path =
  | { readonly kind: 'path'; readonly steps: readonly Step[] }
  | { readonly kind: 'problem'; readonly message: string };

/** Why a path cannot be read, or what was not found, as a sentence's beginning. */
class Unusable extends Error {}

const MOST_VALUES = 100_000;

export function parsePath(text: string): Path {
  const inner = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  if (inner === undefined)
    return {
      kind: 'problem',
      message: `jsonPath has no braces around it. Write {${text.trim().replace(/^\{|\}$/g, '') || '$'}}.`,
    };
  try {
    const reader = new Reader(inner.trim());
    const steps = reader.steps();
    reader.expectEnd();
    return { kind: 'path', steps };
  } catch (thrown) {
    if (!(thrown instanceof Unusable)) throw thrown;
    return { kind: 'problem', message: `jsonPath cannot be read: ${thrown.message}. Write e.g. {$.status}.` };
  }
}

export type Found =
  | { readonly kind: 'found'; readonly value: unknown }
  | { readonly kind: 'problem'; readonly message: string };

/** The first value that the path leads to, as Argo takes it. */
export function firstAt(value: unknown, { steps }: Extract<Path, { kind: 'path' }>): Found {
  try {
    const found = walk([value], steps);
    if (found.length === 0) return { kind: 'problem', message: 'jsonPath leads to no value' };
    return { kind: 'found', value: found[0] };
  } catch (thrown) {
    if (!(thrown instanceof Unusable)) throw thrown;
    return { kind: 'problem', message: thrown.message };
  }
}

function walk(values: readonly unknown[], steps: readonly Step[]): readonly unknown[] {
  return steps.reduce<readonly unknown[]>((here, step) => {
    const next = take(here, step);
    if (next.length > MOST_VALUES) throw new Unusable('jsonPath leads to too many values');
    return next;
  }, values);
}

function take(values: readonly unknown[], step: Step): readonly unknown[] {
  if (values.length === 0) return [];
  switch (step.kind) {
    case 'field': {
      const found = values.flatMap((value) =>
        isFields(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [],
      );
      if (found.length === 0) throw new Unusable(`${step.name} is not found`);
      return found;
    }
    case 'every':
      return values.flatMap(childrenOf);
    case 'below':
      return values.flatMap((value) => below(value, 0));
    case 'index':
    case 'slice':
      return values.flatMap((value) => elements(value, step));
    case 'union':
      return step.steps.flatMap((one) => take(values, one));
    case 'filter':
      return values.flatMap((value) => {
        if (!Array.isArray(value)) throw new Unusable('a filter stands where there is no list');
        return value.filter((item) => holds(item, step));
      });
  }
}

const childrenOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : isFields(value) ? Object.values(value) : [];

function below(value: unknown, depth: number): readonly unknown[] {
  if (depth > 500) throw new Unusable('the answer is nested too deep');
  return [value, ...childrenOf(value).flatMap((child) => below(child, depth + 1))];
}

function elements(value: unknown, step: Extract<Step, { kind: 'index' | 'slice' }>): readonly unknown[] {
  if (!Array.isArray(value)) throw new Unusable('an index stands where there is no list');
  const list = value as readonly unknown[];
  if (step.kind === 'index') {
    const at = step.at < 0 ? step.at + list.length : step.at;
    if (at < 0 || at >= list.length) throw new Unusable(`index ${step.at} is outside the list of ${list.length}`);
    return [list[at]];
  }
  return list.slice(step.from ?? 0, step.to ?? list.length).filter((_, index) => index % step.by === 0);
}

function holds(item: unknown, { left, operator, right }: Extract<Step, { kind: 'filter' }>): boolean {
  const one = operandOf(item, left);
  if (operator === undefined || right === undefined) return one.length > 0;
  const other = operandOf(item, right);
  if (one.length === 0 || other.length === 0) return false;
  return compares(one[0], other[0], operator);
}

function operandOf(item: unknown, operand: Operand): readonly unknown[] {
  if (operand.kind === 'literal') return [operand.value];
  try {
    return walk([item], operand.steps);
  } catch (thrown) {
    if (thrown instanceof Unusable) return [];
    throw thrown;
  }
}

function compares(one: unknown, other: unknown, operator: string): boolean {
  if (operator === '==') return one === other;
  if (operator === '!=') return one !== other;
  const areNumbers = typeof one === 'number' && typeof other === 'number';
  const areTexts = typeof one === 'string' && typeof other === 'string';
  if (!areNumbers && !areTexts) throw new Unusable('a filter compares what has no order');
  const order = one < other ? -1 : Number(one > other);
  return operator === '<' ? order < 0 : operator === '>' ? order > 0 : operator === '<=' ? order <= 0 : order >= 0;
}

/** Reads a path from left to right. */
class Reader {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  expectEnd(): void {
    if (this.at < this.text.length) throw new Unusable(`${this.text.slice(this.at, this.at + 20)} is not understood`);
  }

  /** `$` or `@` first, or neither. */
  steps(): readonly Step[] {
    const steps: Step[] = [];
    this.match(/[$@]/y);
    for (;;) {
      if (this.match(/\.\./y) !== undefined) {
        steps.push({ kind: 'below' });
        if (this.text[this.at] !== '[') steps.push(this.name());
      } else if (this.match(/\./y) !== undefined) {
        if (this.text[this.at] !== '[') steps.push(this.name());
      } else if (this.match(/\[/y) !== undefined) steps.push(this.bracket());
      else return steps;
    }
  }

  name(): Step {
    if (this.match(/\*/y) !== undefined) return { kind: 'every' };
    const name = this.match(/(?:\\.|[^\s.[\](){}=<>!,'"$@|\\])+/y);
    if (name === undefined) throw new Unusable('a name is missing after the dot');
    return { kind: 'field', name: name.replaceAll(/\\(.)/g, '$1') };
  }

  bracket(): Step {
    if (this.match(/\?\(\s*/y) !== undefined) return this.filter();
    const steps = [this.element()];
    while (this.match(/\s*,\s*/y) !== undefined) steps.push(this.element());
    this.close(/\s*\]/y, ']');
    const [only] = steps;
    return steps.length === 1 && only !== undefined ? only : { kind: 'union', steps };
  }

  element(): Step {
    this.match(/\s*/y);
    if (this.match(/\*/y) !== undefined) return { kind: 'every' };
    const quoted = this.quoted();
    if (quoted !== undefined) return { kind: 'field', name: quoted };
    const range = this.match(/-?\d*(?::-?\d*){1,2}/y);
    if (range !== undefined) {
      const [from = '', to = '', by = ''] = range.split(':');
      const step = by === '' ? 1 : Number(by);
      if (step <= 0) throw new Unusable('the step of a range is not above zero');
      return {
        kind: 'slice',
        by: step,
        ...(from === '' ? {} : { from: Number(from) }),
        ...(to === '' ? {} : { to: Number(to) }),
      };
    }
    const index = this.match(/-?\d{1,9}/y);
    if (index === undefined) throw new Unusable('an index or a quoted name is missing in the brackets');
    return { kind: 'index', at: Number(index) };
  }

  filter(): Step {
    const left = this.operand();
    const operator = this.match(/\s*(?:==|!=|<=|>=|<|>)\s*/y)?.trim();
    const right = operator === undefined ? undefined : this.operand();
    this.close(/\s*\)\s*\]/y, ')]');
    return { kind: 'filter', left, ...(operator === undefined || right === undefined ? {} : { operator, right }) };
  }

  operand(): Operand {
    const quoted = this.quoted();
    if (quoted !== undefined) return { kind: 'literal', value: quoted };
    const number = this.match(/-?\d+(?:\.\d+)?/y);
    if (number !== undefined) return { kind: 'literal', value: Number(number) };
    const word = this.match(/(?:true|false)\b/y);
    if (word !== undefined) return { kind: 'literal', value: word === 'true' };
    if (this.text[this.at] !== '@' && this.text[this.at] !== '.') throw new Unusable('a filter compares with @.name');
    return { kind: 'path', steps: this.steps() };
  }

  quoted(): string | undefined {
    const text = this.match(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"/y);
    return text?.slice(1, -1).replaceAll(/\\(.)/g, '$1');
  }

  close(pattern: RegExp, what: string): void {
    if (this.match(pattern) === undefined) throw new Unusable(`${what} is missing`);
  }

  /** What the sticky pattern matches here. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) return undefined;
    this.at += found.length;
    return found;
  }
}

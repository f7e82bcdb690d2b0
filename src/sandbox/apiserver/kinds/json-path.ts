/** The JSONPath of printer columns: fields, escaped dots, indices, `[*]`, and filters that compare one field with a string. */
import { isObject, type Json } from '../json.ts';

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'filter'; readonly field: readonly string[]; readonly equals: boolean; readonly value: Json };

/** Returns a function that finds the matching values, or `undefined` when the path cannot be read. */
export function compileJsonPath(path: string): ((value: Json) => Json[]) | undefined {
  const steps = parse(path);
  if (steps === undefined) return undefined;
  return (value) => steps.reduce<Json[]>((found, step) => found.flatMap((item) => take(item, step)), [value]);
}

const FIELD = /^\.((?:\\.|[^.[\]\\])+)/;
const QUOTED = /^\[(['"])((?:\\.|(?!\1).)*)\1\]/;
const INDEX = /^\[(-?\d+)\]/;
const ALL = /^(?:\[\*\]|\.\*)/;
const FILTER = /^\[\?\(\s*@\.([\w.-]+)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\s*\)\]/;

function parse(path: string): Step[] | undefined {
  let rest = path.trim();
  if (rest.startsWith('{') && rest.endsWith('}')) rest = rest.slice(1, -1);
  if (rest.startsWith('$')) rest = rest.slice(1);
  const steps: Step[] = [];
  while (rest !== '') {
    const [length, step] = nextStep(rest);
    if (step === undefined) return undefined;
    steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function nextStep(rest: string): readonly [number, Step | undefined] {
  const all = ALL.exec(rest);
  if (all !== null) return [all[0].length, { kind: 'all' }];
  const filter = FILTER.exec(rest);
  if (filter !== null) {
    const field = (filter[1] ?? '').split('.');
    const bare = filter[5];
    const value = bare === undefined ? (filter[3] ?? filter[4] ?? '') : literal(bare);
    return [filter[0].length, { kind: 'filter', field, equals: filter[2] === '==', value }];
  }
  const index = INDEX.exec(rest);
  if (index !== null) return [index[0].length, { kind: 'index', index: Number(index[1]) }];
  const quoted = QUOTED.exec(rest);
  if (quoted !== null) return [quoted[0].length, { kind: 'field', name: (quoted[2] ?? '').replaceAll(/\\(.)/g, '$1') }];
  const field = FIELD.exec(rest);
  if (field !== null) return [field[0].length, { kind: 'field', name: (field[1] ?? '').replaceAll(/\\(.)/g, '$1') }];
  return [0, undefined];
}

function literal(text: string): Json {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function take(value: Json, step: Step): Json[] {
  switch (step.kind) {
    case 'field': {
      const found = isObject(value) && Object.hasOwn(value, step.name) ? value[step.name] : undefined;
      return found === undefined ? [] : [found];
    }
    case 'index': {
      const found = Array.isArray(value) ? value.at(step.index) : undefined;
      return found === undefined ? [] : [found];
    }
    case 'all': {
      if (Array.isArray(value)) return value;
      return isObject(value) ? Object.values(value).filter((item) => item !== undefined) : [];
    }
    case 'filter': {
      if (!Array.isArray(value)) return [];
      return value.filter((item) => {
        const found = step.field.reduce<Json | undefined>(
          (current, name) => (isObject(current) ? current[name] : undefined),
          item,
        );
        return (found === step.value) === step.equals;
      });
    }
  }
}

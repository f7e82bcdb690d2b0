/** Specs that work, to be broken one field at a time. */
import { parse } from 'yaml';
import type { Fields } from '../../src/api/fields.ts';
import { isFields } from '../../src/api/fields.ts';
import type { KindDefinition } from '../../src/api/kind.ts';

export const specOf = (kind: KindDefinition): Fields => (parse(kind.example) as { spec: Fields }).spec;

export const objectWith = (kind: KindDefinition, spec: unknown): Fields => ({
  ...(parse(kind.example) as Fields),
  spec,
});

/** A copy with the value at a path such as `strategy.canary.steps[0].setWeight` replaced; `undefined` takes the field away. */
export function withField(value: unknown, path: string, field: unknown): unknown {
  const keys = path.split(/[.[\]]+/).filter((key) => key !== '');
  return replaced(value, keys, field);
}

function replaced(value: unknown, [key, ...rest]: readonly string[], field: unknown): unknown {
  if (key === undefined) return field;
  if (Array.isArray(value)) {
    const copy = [...(value as unknown[])];
    copy[Number(key)] = replaced(copy[Number(key)], rest, field);
    return copy;
  }
  const fields = isFields(value) ? value : {};
  const next = replaced(fields[key], rest, field);
  const { [key]: _before, ...others } = fields;
  return next === undefined ? others : { ...others, [key]: next };
}

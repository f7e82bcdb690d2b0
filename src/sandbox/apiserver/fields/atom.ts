/** What a value is for merging: a scalar, a list or a map, as the schema says, or as the value shows where no schema speaks. */
import { isObject, type Json } from '../json.ts';
import { fieldSchema, namesField, type Schema } from '../schema/schema.ts';

export type Atom =
  | { readonly kind: 'scalar' }
  | {
      readonly kind: 'list';
      readonly atomic: boolean;
      readonly keys: readonly string[];
      readonly items: Schema | undefined;
    }
  | { readonly kind: 'map'; readonly atomic: boolean; readonly schema: Schema | undefined };

const SCALAR: Atom = { kind: 'scalar' };

/** A null or absent value takes the shape of its schema. */
export function atomOf(schema: Schema | undefined, value: Json | undefined): Atom {
  const type = schema?.type;
  if (type === 'object' || (type === undefined && isObject(value))) {
    const typed = schema !== undefined && schema['x-kubernetes-preserve-unknown-fields'] !== true;
    const known = typed || schema?.properties !== undefined ? schema : undefined;
    return { kind: 'map', atomic: schema?.['x-kubernetes-map-type'] === 'atomic', schema: known };
  }
  if (type === 'array' || (type === undefined && Array.isArray(value))) {
    const listType = schema?.['x-kubernetes-list-type'] ?? 'atomic';
    return {
      kind: 'list',
      atomic: listType === 'atomic',
      keys: schema?.['x-kubernetes-list-map-keys'] ?? [],
      items: schema?.items,
    };
  }
  return SCALAR;
}

export const childSchema = fieldSchema;
export const isNamed = namesField;

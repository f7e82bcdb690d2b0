/** The paths that a value sets, for the field set of an applied configuration. */
import { isObject, type Json } from '../json.ts';
import type { Schema } from '../schema/schema.ts';
import { atomOf, childSchema, isNamed } from './atom.ts';
import { FieldSet } from './field-set.ts';
import { fieldElement, itemElement, type PathElement } from './path-element.ts';

export function fieldsOf(value: Json | undefined, schema: Schema | undefined): FieldSet {
  const set = new FieldSet();
  collect(value, schema, [], set);
  return set;
}

function collect(
  value: Json | undefined,
  schema: Schema | undefined,
  path: readonly PathElement[],
  set: FieldSet,
): void {
  const atom = atomOf(schema, value);
  if (atom.kind === 'scalar' || atom.atomic) {
    set.insert(path);
    return;
  }
  if (atom.kind === 'list') {
    if (!Array.isArray(value)) return;
    const elements = value.map((item) => itemElement(atom, item));
    for (const [index, item] of value.entries()) {
      const element = elements[index];
      if (element === undefined) continue;
      const repeated = elements.indexOf(element) !== elements.lastIndexOf(element);
      if (!repeated) collect(item, atom.items, [...path, element], set);
      set.insert([...path, element]);
    }
    return;
  }
  if (!isObject(value)) return;
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const below = [...path, fieldElement(key)];
    collect(member, childSchema(atom.schema, key), below, set);
    const hollow = member === null || (isObject(member) && Object.keys(member).length === 0);
    if (hollow || !isNamed(atom.schema, key)) set.insert(below);
  }
}

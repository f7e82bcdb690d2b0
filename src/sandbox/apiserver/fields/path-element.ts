/** Path elements in the spelling of FieldsV1: `f:name`, `k:{"name":"app"}`, `v:"value"`, `i:0`. */
import { isObject, type Json } from '../json.ts';
import type { Atom } from './atom.ts';

export type PathElement = string;

export const fieldElement = (name: string): PathElement => `f:${name}`;

/** JSON with sorted keys, so that equal values are equal strings. */
function canonical(value: Json | undefined): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
}

/** The element that names a list item; throws a sentence when an item of a keyed list has none of its keys. */
export function itemElement(list: Extract<Atom, { kind: 'list' }>, item: Json): PathElement {
  if (list.keys.length === 0) {
    if (isObject(item)) throw new Error("associative list without keys has an element that's a map type");
    if (Array.isArray(item)) throw new Error('not supported: associative list with lists as elements');
    if (item === null) throw new Error("associative list without keys has an element that's an explicit null");
    return `v:${canonical(item)}`;
  }
  if (item === null) throw new Error('associative list with keys may not have a null element');
  if (!isObject(item)) throw new Error('associative list with keys may not have non-map elements');
  const keys: Record<string, Json> = {};
  for (const key of list.keys) {
    const value = item[key] ?? list.items?.properties?.[key]?.default;
    if (value !== undefined && value !== null && (value !== '' || item[key] !== undefined)) keys[key] = value;
  }
  if (Object.keys(keys).length === 0) {
    const names = list.keys.map((key) => JSON.stringify(key)).join(' ');
    throw new Error(
      `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
    );
  }
  return `k:${canonical(keys)}`;
}

/** The path element as people read it in conflict messages: `.spec`, `[name="app"]`. */
export function readable(element: PathElement): string {
  const rest = element.slice(2);
  if (element.startsWith('f:')) return `.${rest}`;
  if (element.startsWith('v:')) return `[=${rest}]`;
  if (element.startsWith('i:')) return `[${rest}]`;
  const keys = JSON.parse(rest) as Record<string, Json>;
  return `[${Object.entries(keys)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(',')}]`;
}

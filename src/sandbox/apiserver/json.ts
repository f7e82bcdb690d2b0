/** JSON values as the API server handles them: parsed once at the edge, compared and copied structurally. */

export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json | undefined };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Structural equality; the order of keys does not matter, `undefined` members count as absent. */
export function equalJson(left: Json | undefined, right: Json | undefined): boolean {
  if (left === right) return true;
  if (Array.isArray(left)) {
    if (!Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => equalJson(item, right[index]));
  }
  if (!isObject(left) || !isObject(right)) return false;
  const rightKeys = presentKeys(right);
  const leftKeys = presentKeys(left);
  if (leftKeys.length !== rightKeys.length) return false;
  return leftKeys.every((key) => Object.hasOwn(right, key) && equalJson(left[key], right[key]));
}

function presentKeys(value: JsonObject): string[] {
  return Object.keys(value).filter((key) => value[key] !== undefined);
}

export function cloneJson<T extends Json | undefined>(value: T): T {
  return value === undefined ? value : structuredClone(value);
}

/** The value at a path of field names and list indices; `undefined` when any part is missing. */
export function valueAt(value: Json | undefined, ...path: readonly (string | number)[]): Json | undefined {
  let current = value;
  for (const part of path) {
    if (Array.isArray(current)) current = typeof part === 'number' ? current[part] : undefined;
    else if (isObject(current)) current = Object.hasOwn(current, String(part)) ? current[String(part)] : undefined;
    else return undefined;
  }
  return current;
}

export function objectAt(value: Json | undefined, ...path: readonly (string | number)[]): JsonObject | undefined {
  const found = valueAt(value, ...path);
  return isObject(found) ? found : undefined;
}

export function listAt(value: Json | undefined, ...path: readonly (string | number)[]): Json[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** The members of a list that are text, numbers or booleans, as text. */
export function textsAt(value: Json | undefined, ...path: readonly (string | number)[]): string[] {
  return listAt(value, ...path).flatMap((item) => (typeof item === 'object' ? [] : [String(item)]));
}

export function textAt(value: Json | undefined, ...path: readonly (string | number)[]): string | undefined {
  const found = valueAt(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

export function numberAt(value: Json | undefined, ...path: readonly (string | number)[]): number | undefined {
  const found = valueAt(value, ...path);
  return typeof found === 'number' ? found : undefined;
}

/** The members of an object that are strings, as labels and annotations are. */
export function textMap(value: Json | undefined): Record<string, string> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Why a text is not JSON, in Go's words where they matter. */
export function jsonProblem(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return /end of JSON input|JSON at position \d+ \(line/.test(message) ? 'unexpected end of JSON input' : message;
}

/** Sets a value, making the objects on the way; a path through something else is left alone. */
export function setAt(target: JsonObject, path: readonly string[], value: Json): void {
  let current = target;
  for (const part of path.slice(0, -1)) {
    const next = current[part];
    if (next === undefined || next === null) current[part] = {};
    else if (!isObject(next)) return;
    const entered = current[part];
    if (isObject(entered)) current = entered;
  }
  const last = path.at(-1);
  if (last !== undefined) current[last] = value;
}

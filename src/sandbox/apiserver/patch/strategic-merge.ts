/**
 * Strategic merge patch for the built-in kinds: lists are merged by the key that the schema names, and the directives `$patch`,
 * `$retainKeys`, `$setElementOrder/x` and `$deleteFromPrimitiveList/x` do what kubectl means by them.
 */
import { badRequest, plainError } from '../failure.ts';
import { equalJson, isObject, type Json, type JsonObject } from '../json.ts';
import { fieldSchema, type Schema } from '../schema/schema.ts';

const ORDER = '$setElementOrder/';
const DELETE_VALUES = '$deleteFromPrimitiveList/';

export function strategicMerge(target: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  const directive = patch['$patch'];
  if (directive === 'replace') return withoutDirectives(patch);
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge') {
    throw badRequest(`invalid value for $patch: ${JSON.stringify(directive)}`);
  }
  const result: JsonObject = { ...target };
  retainKeys(result, patch);
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith(DELETE_VALUES)) deleteValues(result, key.slice(DELETE_VALUES.length), value);
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$') || value === undefined) continue;
    if (value === null) delete result[key];
    else result[key] = mergeValue(result[key], value, fieldSchema(schema, key), patch[ORDER + key]);
  }
  for (const [key, order] of Object.entries(patch)) {
    const field = key.slice(ORDER.length);
    if (!key.startsWith(ORDER) || patch[field] !== undefined) continue;
    const list = result[field];
    if (Array.isArray(list) && Array.isArray(order)) {
      result[field] = inOrder(list, order, fieldSchema(schema, field)?.['x-kubernetes-patch-merge-key'], list);
    }
  }
  return result;
}

function mergeValue(target: Json | undefined, patch: Json, schema: Schema | undefined, order: Json | undefined): Json {
  if (isObject(patch)) return strategicMerge(isObject(target) ? target : {}, patch, schema);
  if (!Array.isArray(patch)) return patch;
  const merges = (schema?.['x-kubernetes-patch-strategy'] ?? '').split(',').includes('merge');
  if (!merges) return patch.map((item) => (isObject(item) ? withoutDirectives(item) : item));
  const live = Array.isArray(target) ? target : [];
  const key = schema?.['x-kubernetes-patch-merge-key'];
  const merged = key === undefined ? mergeSet(live, patch) : mergeByKey(live, patch, key, schema?.items);
  return inOrder(merged, Array.isArray(order) ? order : patch.filter((item) => !isDeletion(item)), key, live);
}

function mergeSet(live: readonly Json[], patch: readonly Json[]): Json[] {
  const fresh = patch.filter((item) => !live.some((existing) => equalJson(existing, item)));
  return [...live, ...fresh];
}

function mergeByKey(live: readonly Json[], patch: readonly Json[], key: string, items: Schema | undefined): Json[] {
  if (patch.some((item) => isObject(item) && item['$patch'] === 'replace')) {
    return patch.filter((item) => !isObject(item) || item['$patch'] === undefined);
  }
  let result = [...live];
  for (const item of patch) {
    if (!isObject(item)) throw badRequest(`invalid patch: a list merged by ${key} may hold objects only`);
    const id = item[key];
    if (id === undefined) throw plainError(`map: ${goText(item)} does not contain declared merge key: ${key}`);
    if (isDeletion(item)) {
      result = result.filter((existing) => !isObject(existing) || !equalJson(existing[key], id));
      continue;
    }
    const at = result.findIndex((existing) => isObject(existing) && equalJson(existing[key], id));
    const existing = result[at];
    if (isObject(existing)) result[at] = strategicMerge(existing, item, items);
    else result.push(strategicMerge({}, item, items));
  }
  return result;
}

/** Items in the patch's order; those that only the server has keep their place relative to their live neighbours. */
function inOrder(
  list: readonly Json[],
  order: readonly Json[],
  key: string | undefined,
  live: readonly Json[],
): Json[] {
  const idOf = (item: Json): Json | undefined => (key !== undefined && isObject(item) ? item[key] : item);
  const rank = (item: Json, within: readonly Json[]): number =>
    within.findIndex((other) => equalJson(idOf(other), idOf(item)));
  const named = list.filter((item) => rank(item, order) >= 0).sort((a, b) => rank(a, order) - rank(b, order));
  const serverOnly = list.filter((item) => rank(item, order) < 0);
  const result: Json[] = [];
  while (named.length > 0 || serverOnly.length > 0) {
    const [next] = named;
    const [other] = serverOnly;
    if (next === undefined || (other !== undefined && comesFirst(rank(other, live), rank(next, live)))) {
      if (other !== undefined) result.push(other);
      serverOnly.shift();
    } else {
      result.push(next);
      named.shift();
    }
  }
  return result;
}

const comesFirst = (serverRank: number, patchRank: number): boolean => patchRank >= 0 && serverRank < patchRank;

function retainKeys(target: JsonObject, patch: JsonObject): void {
  const keys = patch['$retainKeys'];
  if (!Array.isArray(keys)) return;
  for (const key of Object.keys(target)) if (!keys.includes(key)) delete target[key];
}

function deleteValues(target: JsonObject, field: string, values: Json | undefined): void {
  const list = target[field];
  if (!Array.isArray(list) || !Array.isArray(values)) return;
  target[field] = list.filter((item) => !values.some((value) => equalJson(value, item)));
}

/** A value as Go prints it. */
function goText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (!isObject(value)) return value === null ? '<nil>' : String(value);
  return `map[${Object.keys(value)
    .sort()
    .map((key) => `${key}:${goText(value[key] ?? null)}`)
    .join(' ')}]`;
}

const isDeletion = (item: Json): boolean => isObject(item) && item['$patch'] === 'delete';

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')));
}

/** Printer columns of custom kinds. */
import { isObject, type Json, type JsonObject, numberAt, textAt } from '../json.ts';
import { asJson } from '../object.ts';
import { ageOf } from './age.ts';
import { NAME } from './columns.ts';
import { compileJsonPath } from './json-path.ts';
import type { Column } from './resource.ts';

const AGE: JsonObject = {
  name: 'Age',
  type: 'date',
  description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
  jsonPath: '.metadata.creationTimestamp',
};

const TYPES = ['string', 'integer', 'number', 'boolean', 'date'] as const;

/** Name first, then what the definition lists, or the age when it lists nothing. */
export function customColumns(columns: readonly Json[]): Column[] {
  const listed = columns.filter(isObject);
  return [NAME, ...(listed.length === 0 ? [AGE] : listed).map(toColumn)];
}

function toColumn(column: JsonObject): Column {
  const type = TYPES.find((name) => name === column['type']) ?? 'string';
  const path = textAt(column, 'jsonPath') ?? '';
  const find = compileJsonPath(path) ?? (() => []);
  const format = textAt(column, 'format');
  const description =
    textAt(column, 'description') ?? `Custom resource definition column (in JSONPath format): ${path}`;
  return {
    name: textAt(column, 'name') ?? '',
    type,
    ...(format === undefined ? {} : { format }),
    description,
    priority: numberAt(column, 'priority') ?? 0,
    cell: (object, nowMs) => {
      const [first] = find(asJson(object));
      if (first === undefined) return null;
      if (type === 'string') return textOf(first);
      if (type === 'date') return typeof first === 'string' ? ageOf(first, nowMs) : '<invalid>';
      if (type === 'boolean') return typeof first === 'boolean' ? first : null;
      if (typeof first !== 'number') return null;
      return type === 'integer' ? Math.trunc(first) : first;
    },
  };
}

const textOf = (value: Json): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

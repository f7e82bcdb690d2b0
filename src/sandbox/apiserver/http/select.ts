/** The selectors of one list or watch request, as a test on objects. */
import { badRequest } from '../failure.ts';
import { isObject, type Json, textAt, valueAt } from '../json.ts';
import type { Resource } from '../kinds/resource.ts';
import { asJson, type StoredObject } from '../object.ts';
import { present } from '../objects/context.ts';
import { type FieldRequirement, matchesLabels, parseFieldSelector, parseLabelSelector } from '../store/selectors.ts';

export interface Selection {
  readonly everything: boolean;
  matches(object: StoredObject): boolean;
}

export function selectionOf(resource: Resource, query: URLSearchParams, name: string | undefined): Selection {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = [...parseFieldSelector(query.get('fieldSelector') ?? '')];
  if (name !== undefined) fields.push({ field: 'metadata.name', equals: true, value: name });
  for (const { field } of fields) {
    if (!isSelectable(resource, field)) {
      throw badRequest(notSelectable(resource, field));
    }
  }
  return {
    everything: labels.length === 0 && fields.length === 0,
    matches: (stored) => {
      const object = fields.length > 0 ? present(resource, stored) : stored;
      return (
        matchesLabels(labels, object.metadata.labels ?? {}) && fields.every((requirement) => fits(object, requirement))
      );
    },
  };
}

/** Custom kinds and built-in kinds say it differently. */
function notSelectable(resource: Resource, field: string): string {
  const { selectableFields } = resource;
  if (resource.custom || selectableFields.length > 0) return `field label not supported: ${field}`;
  return `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

function isSelectable(resource: Resource, field: string): boolean {
  if (field === 'metadata.name') return true;
  if (field === 'metadata.namespace') return resource.namespaced || !resource.custom;
  return resource.selectableFields.includes(field);
}

function fits(object: StoredObject, { field, equals, value }: FieldRequirement): boolean {
  const found = valueAt(asJson(object), ...field.split('.'));
  return (textOf(field, found) === value) === equals;
}

function textOf(field: string, found: Json | undefined): string {
  if (field === 'source' && isObject(found)) return textAt(found, 'component') ?? '';
  if (found === undefined || found === null) return field.endsWith('unschedulable') ? 'false' : '';
  return typeof found === 'object' ? '' : String(found);
}

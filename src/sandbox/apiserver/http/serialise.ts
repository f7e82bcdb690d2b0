/** One text per object version and form, made once and shared by gets, lists and all watchers. */
import { apiVersionOf, type Resource } from '../kinds/resource.ts';
import { present } from '../objects/context.ts';
import type { StoredObject } from '../object.ts';
import type { StoreEvent, Version } from '../store/store.ts';

/** `{"kind":…,"apiVersion":…,"metadata":…}` */
export function objectText(resource: Resource, version: Version): string {
  return cached(version, `object ${apiVersionOf(resource)}`, () => textOf(resource, present(resource, version.object)));
}

/** In lists, objects of built-in kinds leave kind and apiVersion to the list. */
export function listItemText(resource: Resource, version: Version): string {
  if (resource.custom) return objectText(resource, version);
  return cached(version, `item ${apiVersionOf(resource)}`, () => {
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = present(resource, version.object);
    return JSON.stringify(rest);
  });
}

/** A line of a watch. `type` may differ from the event's own where a selector is involved. */
export function eventText(resource: Resource, event: StoreEvent, type: StoreEvent['type']): string {
  return cached(
    event.version,
    `event ${type} ${apiVersionOf(resource)}`,
    () => `{"type":"${type}","object":${objectText(resource, event.version)}}\n`,
  );
}

export function textOf(resource: Resource, object: StoredObject): string {
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  return JSON.stringify({ kind: resource.kind, apiVersion: apiVersionOf(resource), ...rest });
}

function cached(version: Version, form: string, make: () => string): string {
  let text = version.texts.get(form);
  if (text === undefined) {
    text = make();
    version.texts.set(form, text);
  }
  return text;
}

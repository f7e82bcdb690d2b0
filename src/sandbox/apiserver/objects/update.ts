/** PUT: the whole object as the client wants it. */
import { notFound } from '../failure.ts';
import type { JsonObject } from '../json.ts';
import { objectKey } from '../kinds/resource.ts';
import type { StoredObject } from '../object.ts';
import { commit } from './commit.ts';
import { type Machine, resourceSubject, type Target, type WriteOptions } from './context.ts';
import { create } from './create.ts';
import { decode } from './decode.ts';
import { recordUpdate } from './ownership.ts';

export interface Updated {
  readonly object: StoredObject;
  readonly created: boolean;
}

export function update(machine: Machine, target: Target, body: JsonObject, options: WriteOptions): Updated {
  const { resource, namespace, name } = target;
  const stored = machine.store.get(resource.storage, objectKey(resource, namespace, name));
  if (stored === undefined) {
    if (!resource.createOnUpdate || options.subresource !== '') throw notFound(resourceSubject(resource, name));
    return { object: create(machine, resource, namespace, body, options), created: true };
  }
  const next = decode(machine, resource, body, options);
  const object = commit(machine, {
    target,
    before: stored.object,
    next,
    options,
    unconditional: false,
    own: (made, before) => recordUpdate(machine, resource, before, made, options),
  });
  return { object, created: false };
}

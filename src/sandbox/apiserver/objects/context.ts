/** What every operation on objects needs, and what a single request says about how to write. */
import type { Registry } from '../kinds/registry.ts';
import { apiVersionOf, type Resource } from '../kinds/resource.ts';
import { asJson, asObject, type StoredObject } from '../object.ts';
import type { Schema } from '../schema/schema.ts';
import type { Store } from '../store/store.ts';
import type { Subject } from '../failure.ts';

export interface Machine {
  readonly store: Store;
  readonly registry: Registry;
  readonly metadataSchema: Schema | undefined;
  nowMs(): number;
  newUid(): string;
  /** Five characters for names made from `generateName`. */
  newSuffix(): string;
}

export type Subresource = '' | 'status' | 'scale';

export interface WriteOptions {
  readonly fieldManager: string;
  readonly fieldValidation: 'Ignore' | 'Warn' | 'Strict';
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly subresource: Subresource;
  /** Filled with sentences for the client. */
  readonly warnings: string[];
}

export interface Target {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
}

export const secondsOf = (nowMs: number): string => `${new Date(nowMs).toISOString().slice(0, 19)}Z`;

/** The subject of messages about a resource: `deployments.apps "web"`. */
export const resourceSubject = (resource: Resource, name: string): Subject => ({
  group: resource.group,
  kind: resource.plural,
  name,
});

/** The subject of 422s: `Deployment.apps "web"`. */
export const kindSubject = (resource: Resource, name: string): Subject => ({
  group: resource.group,
  kind: resource.kind,
  name,
});

/** The stored object in the version that the request asks for. */
export function present(resource: Resource, stored: StoredObject): StoredObject {
  if (resource.convert !== undefined) return asObject(resource.convert.fromStored(asJson(stored)));
  const apiVersion = apiVersionOf(resource);
  return stored.apiVersion === apiVersion ? stored : { ...stored, apiVersion };
}

export function toStored(resource: Resource, object: StoredObject): StoredObject {
  return resource.convert === undefined ? object : asObject(resource.convert.toStored(asJson(object)));
}

/** A Kubernetes object as it is stored: metadata has known fields, everything else is JSON. */
import type { Json, JsonObject } from './json.ts';

type OwnerReference = {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
};

export type ManagedFieldsEntry = {
  manager: string;
  operation: string;
  apiVersion: string;
  time?: string;
  fieldsType: string;
  fieldsV1: JsonObject;
  subresource?: string;
};

type Metadata = {
  name: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string | null;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: ManagedFieldsEntry[];
};

export type StoredObject = {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  spec?: Json;
  status?: Json;
  [field: string]: Json | Metadata | undefined;
};

/** The same object seen as plain JSON. The types differ only in how precisely metadata is described. */
export function asJson(object: StoredObject): JsonObject {
  return object as JsonObject;
}

/** The same JSON seen as an object; the caller has checked that `metadata` is an object. */
export function asObject(json: JsonObject): StoredObject {
  return json as StoredObject;
}

/** Copies everything but the managed fields, which no code changes in place. */
export function copyObject(object: StoredObject): StoredObject {
  return structuredClone(object);
}

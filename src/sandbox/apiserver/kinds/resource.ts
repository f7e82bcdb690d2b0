/** One served resource: its names, what it stores, and how it differs from the others. Built-in and custom kinds have the same form. */
import type { FieldCause } from '../failure.ts';
import type { JsonObject } from '../json.ts';
import type { StoredObject } from '../object.ts';
import type { Schema } from '../schema/schema.ts';

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority: number;
  /** What the cell shows; `null` is printed as `<none>` by clients for custom kinds. */
  readonly cell: (object: StoredObject, nowMs: number) => string | number | boolean | null;
}

export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** A selector as text, or an object with matchLabels. */
  readonly selector: readonly string[] | undefined;
}

/** How a kind counts generations: `none`, on spec only, or on everything but metadata and status (custom kinds). */
export type GenerationRule = 'none' | 'spec' | 'all';

export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly custom: boolean;
  /** Where its objects lie in the store; the versions of one resource share it. */
  readonly storage: string;
  /** A warning for everybody who uses it. */
  readonly deprecation?: string;
  readonly verbs: readonly string[];
  readonly schema: Schema | undefined;
  readonly hasStatus: boolean;
  /** Metadata of built-in kinds that the status endpoint leaves alone; custom kinds keep all of it. */
  readonly statusKeeps: readonly ('labels' | 'ownerReferences')[];
  readonly scale: ScalePaths | undefined;
  readonly generation: GenerationRule;
  /** PUT without a resourceVersion replaces whatever is there. */
  readonly unconditionalUpdate: boolean;
  /** PUT of a missing object creates it. */
  readonly createOnUpdate: boolean;
  /** DELETE answers with the object instead of a Status. */
  readonly returnsDeleted: boolean;
  readonly columns: readonly Column[];
  /** Dotted paths that field selectors may name, besides metadata.name and metadata.namespace. */
  readonly selectableFields: readonly string[];
  /** Fills in what the user left out; changes the object in place. */
  readonly applyDefaults: (object: StoredObject) => void;
  /** What the schema cannot say. `before` is undefined on create. */
  readonly check: (object: StoredObject, before: StoredObject | undefined) => FieldCause[];
  /** The first value of a wrong type, in words; built-in kinds are refused with 400 for it. */
  readonly decodeProblem: (object: JsonObject) => string | undefined;
  /** Called before create: status and other server-owned fields are reset in place. */
  readonly prepareCreate: (object: StoredObject, nowMs: number) => void;
  /** Called before update, with the stored object. */
  readonly prepareUpdate: (object: StoredObject, before: StoredObject) => void;
  /** Between the stored form and this version, where they differ. */
  readonly convert?: {
    readonly toStored: (object: JsonObject) => JsonObject;
    readonly fromStored: (object: JsonObject) => JsonObject;
  };
  /** Pods wait for their kubelet: seconds between the request to delete and the end. */
  readonly gracePeriodSeconds?: (object: StoredObject, requested: number | undefined) => number;
}

export const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const;

/** The same for custom kinds, in the order in which the real server lists them. */
export const CUSTOM_VERBS = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
] as const;

export const apiVersionOf = (resource: { readonly group: string; readonly version: string }): string =>
  resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;

/** `core/pods`, `apps/deployments`. */
export const storageKey = (group: string, plural: string): string => `${group === '' ? 'core' : group}/${plural}`;

export const objectKey = (resource: Resource, namespace: string | undefined, name: string): string =>
  resource.namespaced ? `${namespace ?? ''}/${name}` : name;

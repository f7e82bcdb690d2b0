/** Rules for names, labels, annotations, finalizers and owner references that hold for every kind. */
import type { FieldCause } from '../failure.ts';
import { equalJson, isObject, type Json, type JsonObject, textAt, textMap } from '../json.ts';
import type { StoredObject } from '../object.ts';
import { forbiddenField, invalidValue, required, tooLong } from './causes.ts';
import type { Resource } from './resource.ts';

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const ANNOTATIONS_LIMIT = 262_144;

const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED_RULE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** Kinds whose names become DNS labels, and kinds whose names are free path segments. */
const LABEL_NAMED = new Set(['Namespace']);
const SERVICE_NAMED = new Set(['Service']);
const FREE_NAMED = new Set(['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding']);

export function checkMetadata(resource: Resource, object: StoredObject): FieldCause[] {
  const { metadata } = object;
  return [
    ...checkName(resource, metadata.name, metadata.generateName),
    ...checkLabels(metadata.labels ?? {}, 'metadata.labels'),
    ...checkAnnotations(metadata.annotations ?? {}),
    ...(metadata.finalizers ?? []).flatMap((name, index) => checkFinalizer(name, `metadata.finalizers[${index}]`)),
    ...(metadata.ownerReferences ?? []).flatMap((owner) => checkOwner(owner)),
  ];
}

function checkName(resource: Resource, name: string | undefined, generateName: string | undefined): FieldCause[] {
  const field = 'metadata.name';
  if (name === undefined || name === '') {
    return generateName === undefined || generateName === ''
      ? [required(field, 'name or generateName is required')]
      : [];
  }
  if (FREE_NAMED.has(resource.kind)) {
    const bad = ['/', '%'].find((part) => name.includes(part));
    return bad === undefined ? [] : [invalidValue(field, name, `may not contain '${bad}'`)];
  }
  if (SERVICE_NAMED.has(resource.kind)) {
    const problems = LABEL.test(name) ? [] : [LABEL_RULE];
    if (name.length > 63) problems.push('must be no more than 63 bytes');
    return problems.map((problem) => invalidValue(field, name, problem));
  }
  const isLabel = LABEL_NAMED.has(resource.kind);
  const limit = isLabel ? 63 : 253;
  if (name.length > limit) return [invalidValue(field, name, `must be no more than ${limit} bytes`)];
  if ((isLabel ? LABEL : SUBDOMAIN).test(name)) return [];
  return [invalidValue(field, name, isLabel ? LABEL_RULE : SUBDOMAIN_RULE)];
}

export function checkLabels(labels: Readonly<Record<string, string>>, field: string): FieldCause[] {
  return Object.entries(labels).flatMap(([key, value]) => {
    const causes: FieldCause[] = [];
    const name = key.includes('/') ? key.slice(key.indexOf('/') + 1) : key;
    if (!QUALIFIED.test(name)) causes.push(invalidValue(field, key, QUALIFIED_RULE));
    if (key.length > 317 || name.length > 63) {
      causes.push(invalidValue(field, key, 'name part must be no more than 63 bytes'));
    }
    if (value.length > 63) causes.push(invalidValue(field, value, 'must be no more than 63 bytes'));
    if (!VALUE.test(value)) causes.push(invalidValue(field, value, LABEL_VALUE_RULE));
    return causes;
  });
}

function checkAnnotations(annotations: Readonly<Record<string, string>>): FieldCause[] {
  const field = 'metadata.annotations';
  let size = 0;
  const causes: FieldCause[] = [];
  for (const [key, value] of Object.entries(annotations)) {
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
    const name = key.includes('/') ? key.slice(key.indexOf('/') + 1) : key;
    if (!QUALIFIED.test(name)) causes.push(invalidValue(field, key, QUALIFIED_RULE));
  }
  if (size > ANNOTATIONS_LIMIT) causes.push(tooLong(field, ANNOTATIONS_LIMIT));
  return causes;
}

const LEGACY_FINALIZERS = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

function checkFinalizer(name: string, field: string): FieldCause[] {
  if (!QUALIFIED.test(name.includes('/') ? name.slice(name.indexOf('/') + 1) : name)) {
    return [invalidValue(field, name, QUALIFIED_RULE)];
  }
  if (name.includes('/') || LEGACY_FINALIZERS.has(name)) return [];
  return [invalidValue(field, name, 'name is neither a standard finalizer name nor is it fully qualified')];
}

function checkOwner(owner: Json): FieldCause[] {
  const field = 'metadata.ownerReferences';
  const missing = (['apiVersion', 'kind', 'name', 'uid'] as const).filter((part) => (textAt(owner, part) ?? '') === '');
  return missing.map((part) =>
    part === 'apiVersion'
      ? invalidValue(`${field}.apiVersion`, '', 'version must not be empty')
      : invalidValue(`${field}.${part}`, '', 'must not be empty'),
  );
}

/** What an update may not change, and finalizers may not be added once deletion began. */
export function checkMetadataUpdate(object: StoredObject, before: StoredObject): FieldCause[] {
  const causes: FieldCause[] = [];
  if (before.metadata.deletionTimestamp !== undefined) {
    const known = new Set(before.metadata.finalizers ?? []);
    const added = (object.metadata.finalizers ?? []).filter((name) => !known.has(name));
    if (added.length > 0) {
      const list = added.map((name) => JSON.stringify(name)).join(', ');
      causes.push(
        forbiddenField(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
        ),
      );
    }
  }
  const controllers = (object.metadata.ownerReferences ?? []).filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    const names = controllers.map((owner) => `${owner.kind}/${owner.name}`);
    causes.push(
      invalidValue(
        'metadata.ownerReferences',
        null,
        `Only one reference can have Controller set to true. Found "true" in references for ${names.join(' and ')}`,
      ),
    );
  }
  return causes;
}

/** `field is immutable`, with the new value, where two values differ. */
export function immutable(field: string, now: Json | undefined, before: Json | undefined): FieldCause[] {
  return equalJson(now, before) ? [] : [invalidValue(field, now, 'field is immutable')];
}

/** Wrong types inside metadata, which would otherwise crash whoever reads labels. */
export function checkMetadataShape(body: JsonObject): string | undefined {
  const metadata = body['metadata'];
  if (metadata !== undefined && metadata !== null && !isObject(metadata)) {
    return 'json: cannot unmarshal metadata into Go struct field .metadata of type v1.ObjectMeta';
  }
  const found = isObject(metadata) ? metadata : {};
  for (const field of ['labels', 'annotations']) {
    const value = found[field];
    if (value === undefined || value === null) continue;
    if (!isObject(value) || Object.keys(value).length !== Object.keys(textMap(value)).length) {
      return `json: cannot unmarshal number into Go struct field ObjectMeta.metadata.${field} of type string`;
    }
  }
  return undefined;
}

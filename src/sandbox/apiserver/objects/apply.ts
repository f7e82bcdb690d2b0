/** Server-side apply: the configuration is merged with the live object under the rules of field ownership. */
import { badRequest, conflict, Failure, invalid, notFound, plainError } from '../failure.ts';
import { type Managers, readManagers } from '../fields/managers.ts';
import { afterApply, afterUpdate, type ApplyOutcome, conflictField, type FieldConflict } from '../fields/ownership.ts';
import { typedProblems } from '../fields/typed.ts';
import { isObject, type JsonObject, textAt } from '../json.ts';
import { required } from '../kinds/causes.ts';
import { apiVersionOf, type Resource } from '../kinds/resource.ts';
import { asJson, asObject, type StoredObject } from '../object.ts';
import { commit } from './commit.ts';
import { type Machine, present, resourceSubject, type Target, type WriteOptions } from './context.ts';
import { insert } from './create.ts';
import { pruneUnknown } from './decode.ts';
import { emptyObject, ownershipRules, setManagers, withoutManagedFields, writerOf } from './ownership.ts';
import type { Updated } from './update.ts';

export function apply(
  machine: Machine,
  target: Target,
  stored: StoredObject | undefined,
  configuration: JsonObject,
  options: WriteOptions,
): Updated {
  const { resource, name, namespace } = target;
  checkConfiguration(target, configuration, options);
  const metadata = configuration['metadata'];
  if (isObject(metadata)) metadata['name'] ??= name;
  const schema = ownershipRules(machine, resource, options.subresource).schema;
  const problems = typedProblems(configuration, schema);
  if (problems.length > 0) throw untyped(resource, asObject(configuration), problems);
  pruneUnknown(machine, resource, configuration);
  const applied = asObject(configuration);
  if (applied.metadata.name !== name) {
    throw badRequest(`the name of the object (${applied.metadata.name}) does not match the name on the URL (${name})`);
  }
  if (stored === undefined) {
    const { uid = '' } = applied.metadata;
    if (uid !== '') {
      throw conflict(
        resourceSubject(resource, name),
        `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
      );
    }
    if (options.subresource !== '') throw notFound(resourceSubject(resource, name));
  }
  const live = stored === undefined ? {} : withoutManagedFields(present(resource, stored));
  const outcome = merged(machine, target, live, stored, applied, options);
  if (outcome.kind === 'conflicts') throw applyConflict(outcome.conflicts);
  const next = asObject(structuredClone(outcome.object));
  next.metadata = { ...next.metadata, name };
  const own = (object: StoredObject): void => setManagers(object, outcome.managers);
  if (stored === undefined) {
    return { object: insert(machine, resource, namespace, next, options, own), created: true };
  }
  const object = commit(machine, { target, before: stored, next, options, unconditional: true, own });
  return { object, created: false };
}

function merged(
  machine: Machine,
  { resource }: Target,
  live: JsonObject,
  stored: StoredObject | undefined,
  applied: StoredObject,
  options: WriteOptions,
): ApplyOutcome {
  try {
    return afterApply(
      live,
      asJson(applied),
      managersOf(machine, resource, stored, options),
      writerOf(machine, resource, options),
      ownershipRules(machine, resource, options.subresource),
      options.force,
    );
  } catch (thrown) {
    const problem = thrown instanceof Error ? thrown.message : String(thrown);
    throw untyped(resource, applied, [problem]);
  }
}

/** Fields of an object that nobody ever managed belong to whoever was there before the first apply. */
function managersOf(
  machine: Machine,
  resource: Resource,
  stored: StoredObject | undefined,
  options: WriteOptions,
): Managers {
  const managers = readManagers(stored?.metadata.managedFields);
  if (stored === undefined || managers.size > 0) return managers;
  const writer = writerOf(machine, resource, { ...options, subresource: '', fieldManager: 'before-first-apply' });
  const rules = ownershipRules(machine, resource, '');
  const before = emptyObject(resource, rules.schema);
  return afterUpdate(before, withoutManagedFields(present(resource, stored)), managers, writer, rules);
}

function untyped(resource: Resource, { metadata }: StoredObject, problems: readonly string[]): Failure {
  const kind = `${resource.group}/${resource.version}, Kind=${resource.kind}`;
  const name = `${metadata.namespace ?? ''}/${metadata.name}`;
  const text =
    problems.length === 1 ? (problems[0] ?? '') : ['errors:', ...problems.map((item) => `  ${item}`)].join('\n');
  return plainError(`failed to create typed patch object (${name}; ${kind}): ${text}`);
}

function checkConfiguration(target: Target, configuration: JsonObject, options: WriteOptions): void {
  if (options.fieldManager === '') {
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions', name: '' }, [
      required('fieldManager', 'is required for apply patch'),
    ]);
  }
  const expected = apiVersionOf(target.resource);
  const given = configuration['apiVersion'];
  if (given !== expected) {
    const text = textAt(configuration, 'apiVersion') ?? '';
    const [group, version] = text.includes('/') ? text.split('/') : ['', text];
    throw badRequest(`invalid object type: ${group}/${version}, Kind=${textAt(configuration, 'kind') ?? ''}`);
  }
  const metadata = configuration['metadata'];
  if (isObject(metadata) && metadata['managedFields'] !== undefined && metadata['managedFields'] !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
}

/** 409 with one cause for each field that somebody else owns. */
function applyConflict(conflicts: readonly FieldConflict[]): Failure {
  const described = conflicts
    .map((item) => ({ owner: ownerText(item), field: conflictField(item) }))
    .sort((a, b) => (a.owner < b.owner ? -1 : a.owner > b.owner ? 1 : 0));
  const owners = [...new Set(described.map(({ owner }) => owner))];
  const [first] = described;
  const text =
    described.length === 1 && first !== undefined
      ? `1 conflict: conflict with ${first.owner}: ${first.field}`
      : `${described.length} conflicts: ${owners.map((owner) => conflictLines(owner, described)).join('\n')}`;
  return new Failure(409, 'Conflict', `Apply failed with ${text}`, {
    causes: described.map(({ owner, field }) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${owner}`,
      field,
    })),
  });
}

function conflictLines(owner: string, all: readonly { readonly owner: string; readonly field: string }[]): string {
  const fields = all.filter((item) => item.owner === owner).map((item) => `- ${item.field}`);
  return [`conflicts with ${owner}:`, ...fields].join('\n');
}

function ownerText({ manager }: FieldConflict): string {
  const subresource = manager.subresource === '' ? '' : ` with subresource ${JSON.stringify(manager.subresource)}`;
  const version = manager.operation === 'Update' ? ` using ${manager.apiVersion}` : '';
  return `${JSON.stringify(manager.manager)}${subresource}${version}`;
}

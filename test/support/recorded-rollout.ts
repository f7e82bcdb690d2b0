/**
 * What a real rollout controller once wrote, played again: the objects as they were, in their order, on a `KubeClient` that accepts
 * and refuses patches of them as the API server did. Whatever the recording does not have is an error.
 */
import { readFileSync } from 'node:fs';
import jsonPatch from 'fast-json-patch';
import { fieldsAt } from '../../src/api/fields.ts';
import type { JsonPatchOperation, KubeObject, ResourceType } from '../../src/api/meta.ts';
import type { ReleaseSpec } from '../../src/api/release.ts';
import { SerinError } from '../../src/errors.ts';
import type { KubeClient } from '../../src/kube/port.ts';

interface RecordedPatch {
  readonly by: 'serin' | 'person';
  /** `Rollout web`. */
  readonly target: string;
  readonly subresource?: string;
  readonly operations: readonly JsonPatchOperation[];
  readonly isRefused?: true;
}

/** One thing that happened, `t` milliseconds after the recording began. */
export interface RecordedEntry {
  readonly t: number;
  readonly object?: KubeObject;
  /** The object was deleted. */
  readonly gone?: true;
  readonly patch?: RecordedPatch;
  /** `Blind`: no data from now on. */
  readonly verdict?: 'Pass' | 'Fail' | 'Inconclusive' | 'Blind';
  /** A verb that a person asked Serin for. */
  readonly request?: string;
  /** A person gave the revision up by annotation. */
  readonly abort?: true;
  /** The Release was deleted. */
  readonly isReleaseDeleted?: true;
  readonly note?: string;
}

export interface Recording {
  readonly controller: string;
  readonly version: string;
  readonly date: string;
  readonly scenario: string;
  readonly release: ReleaseSpec;
  readonly end: { readonly phase: string; readonly reason: string };
  readonly entries: readonly RecordedEntry[];
}

/** The first line says where it comes from, each of the others is one thing that happened. */
export function recordingOf(controller: string, scenario: string): Recording {
  const file = new URL(`fixtures/${controller}/${scenario}.jsonl`, import.meta.url);
  const [head = '', ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as RecordedEntry);
  return { ...(JSON.parse(head) as Omit<Recording, 'entries'>), entries };
}

const keyOf = (kind: string, name: string): string => `${kind} ${name}`;

/** `StatefulSet.apps.kruise.io`; a recording has a kind of one group only. */
const kindOf = ({ kind, apiVersion }: KubeObject): string =>
  `${kind}.${apiVersion.includes('/') ? apiVersion.split('/')[0] : ''}`;

export interface RecordedCluster {
  readonly kube: KubeClient;
  /** The next thing that happened; `undefined` at the end. Objects are in place then. */
  next(): RecordedEntry | undefined;
  /** When Serin is to write next, with nothing else before that, ms since the beginning. */
  dueAt(): number | undefined;
  /** Patches that Serin made, in the order of the recording. */
  readonly patches: readonly RecordedPatch[];
  /** The Rollout's spec but for its template as it is, and as it would be if nobody but others had written it. */
  rollout(): { readonly spec: unknown; readonly specOfOthers: unknown };
}

/** The API server adds defaults to templates. */
function withoutTemplate(rollout: KubeObject | undefined): unknown {
  const { template: _template, ...spec } = fieldsAt(rollout, 'spec');
  return spec;
}

/** Objects of the recorded kinds come from the recording, all others from `rest`. */
export function recordedCluster(recording: Recording, rest: KubeClient): RecordedCluster {
  const { entries } = recording;
  const kinds = new Set(entries.flatMap(({ object }) => (object === undefined ? [] : [kindOf(object)])));
  const objects = new Map<string, KubeObject>();
  const patches: RecordedPatch[] = [];
  let cursor = 0;

  let last: KubeObject | undefined;
  let ofOthers: KubeObject | undefined;
  const others = ({ target, subresource, operations, isRefused }: RecordedPatch): void => {
    if (ofOthers === undefined || target !== keyOf('Rollout', ofOthers.metadata.name)) return;
    if (subresource !== undefined || isRefused === true) return;
    const writes = operations.filter(({ op }) => op !== 'test') as jsonPatch.Operation[];
    ofOthers = jsonPatch.applyPatch(structuredClone(ofOthers), structuredClone(writes)).newDocument;
  };
  const put = ({ object, gone }: RecordedEntry): void => {
    if (object === undefined) return;
    if (object.kind === 'Rollout') {
      last = object;
      ofOthers ??= object;
    }
    const key = keyOf(object.kind, object.metadata.name);
    if (gone === true) objects.delete(key);
    else objects.set(key, object);
  };
  const patched = (target: string, operations: readonly JsonPatchOperation[]): KubeObject => {
    const object = objects.get(target);
    if (object === undefined) throw new SerinError('SERIN_E_NOT_FOUND', `${target} does not exist. Check it.`);
    try {
      const copy = structuredClone(operations) as jsonPatch.Operation[];
      return jsonPatch.applyPatch(structuredClone(object), copy, true).newDocument;
    } catch (cause) {
      throw new SerinError('SERIN_E_CONFLICT', `${target} changed. It is read again.`, { cause });
    }
  };
  /** The API server counts every change of a spec. */
  const grown = (object: KubeObject, subresource: string | undefined): KubeObject => {
    const { generation } = object.metadata;
    if (subresource !== undefined || generation === undefined) return object;
    return { ...object, metadata: { ...object.metadata, generation: generation + 1 } };
  };
  /** Others' patches are tried as well: the stand-in must judge them as the API server did. */
  const replay = ({ target, operations, isRefused }: RecordedPatch): void => {
    const refused = ((): boolean => {
      try {
        patched(target, operations);
        return false;
      } catch {
        return true;
      }
    })();
    if (refused !== (isRefused === true))
      throw new Error(
        `the recording has this patch ${isRefused === true ? 'refused' : 'accepted'}: ${JSON.stringify(operations)}`,
      );
  };

  const isRecorded = (type: ResourceType): boolean => kinds.has(`${type.kind}.${type.group}`);
  const kube: KubeClient = {
    ...rest,
    get: async (ref, signal) =>
      isRecorded(ref.type) ? objects.get(keyOf(ref.type.kind, ref.name)) : rest.get(ref, signal),
    list: async (type, options, signal) =>
      isRecorded(type)
        ? { items: [...objects.values()].filter(({ kind }) => kind === type.kind), resourceVersion: '1' }
        : rest.list(type, options, signal),
    patch: async (patch, signal) => {
      if (!isRecorded(patch.target.type)) return rest.patch(patch, signal);
      if (patch.kind !== 'json') throw new Error('rollout objects are only written by JSON Patch');
      const target = keyOf(patch.target.type.kind, patch.target.name);
      const next = grown(patched(target, patch.operations), patch.subresource);
      const at = entries.findIndex(
        ({ patch: each }, index) => index >= cursor && each?.by === 'serin' && each.isRefused !== true,
      );
      const expected = entries[at]?.patch;
      const isSame =
        expected?.target === target &&
        expected.subresource === patch.subresource &&
        JSON.stringify(expected.operations) === JSON.stringify(patch.operations);
      if (expected === undefined || !isSame)
        throw new Error(
          `${recording.scenario}: Serin wrote ${JSON.stringify(patch.operations)} to ${target} where the recording has ${JSON.stringify(expected?.operations)}`,
        );
      // What its controller wrote before the API server had the patch is behind us now.
      for (const entry of entries.slice(cursor, at))
        if (entry.object !== undefined && keyOf(entry.object.kind, entry.object.metadata.name) !== target) put(entry);
      cursor = at + 1;
      objects.set(target, next);
      patches.push(expected);
      return next;
    },
  };
  return {
    kube,
    patches,
    rollout: () => ({ spec: withoutTemplate(last), specOfOthers: withoutTemplate(ofOthers) }),
    dueAt: () => {
      const { patch, t } = entries[cursor] ?? {};
      return patch?.by === 'serin' && patch.isRefused !== true ? t : undefined;
    },
    next: () => {
      const entry = entries[cursor];
      cursor += 1;
      if (entry?.patch !== undefined) {
        if (entry.patch.by === 'serin' && entry.patch.isRefused !== true)
          throw new Error(
            `${recording.scenario}: Serin did not write ${JSON.stringify(entry.patch.operations)} in time`,
          );
        replay(entry.patch);
        if (entry.patch.by === 'person') others(entry.patch);
      }
      if (entry !== undefined) put(entry);
      return entry;
    },
  };
}

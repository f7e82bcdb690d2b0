/**
 * A `KubeClient` without a server, for tests of what sits on the port: objects in a map, resourceVersions that count up,
 * JSON Patch with `test`, watches. No schemas, no field ownership: tests that need those use an API server.
 */
import jsonPatch from 'fast-json-patch';
import { type KubeObject, type ObjectRef, type ResourceType, TYPES } from '../../src/api/meta.ts';
import { SerinError } from '../../src/errors.ts';
import type { KubeClient, WatchEvent } from '../../src/kube/port.ts';

export interface MemoryKube extends KubeClient {
  /** Called before every call; throwing makes it fail. */
  fault: ((verb: string, target: string) => Promise<void> | void) | undefined;
  readonly calls: string[];
  /** Writes as somebody else would: no precondition, watchers see it. */
  put(object: KubeObject): KubeObject;
  drop(ref: ObjectRef): void;
}

const typeOf = (object: Pick<KubeObject, 'kind'>): ResourceType => {
  const found = Object.values(TYPES).find((type) => type.kind === object.kind);
  if (found === undefined) throw new Error(`no type for ${object.kind}`);
  return found;
};
const keyOf = (type: ResourceType, namespace: string | undefined, name: string): string =>
  `${type.kind} ${namespace ?? ''}/${name}`;

export function createMemoryKube(): MemoryKube {
  const objects = new Map<string, KubeObject>();
  const log: { readonly version: number; readonly event: WatchEvent & { object: KubeObject } }[] = [];
  const waiting = new Set<() => void>();
  let version = 0;

  const emit = (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void => {
    log.push({ version, event: { type, object } });
    for (const wake of waiting) wake();
  };
  const store = (object: KubeObject): KubeObject => {
    const { namespace, name } = object.metadata;
    const key = keyOf(typeOf(object), namespace, name);
    const before = objects.get(key);
    version += 1;
    const specChanged = before !== undefined && JSON.stringify(before['spec']) !== JSON.stringify(object['spec']);
    const generation = before === undefined ? 1 : (before.metadata.generation ?? 1) + (specChanged ? 1 : 0);
    const uid = before?.metadata.uid ?? `uid-${version}`;
    const stored = { ...object, metadata: { ...object.metadata, uid, generation, resourceVersion: String(version) } };
    objects.set(key, stored);
    emit(before === undefined ? 'ADDED' : 'MODIFIED', stored);
    return stored;
  };
  const drop = (ref: ObjectRef): void => {
    const key = keyOf(ref.type, ref.namespace, ref.name);
    const before = objects.get(key);
    if (before === undefined) return;
    version += 1;
    objects.delete(key);
    emit('DELETED', { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } });
  };

  const kube: MemoryKube = {
    fault: undefined,
    calls: [],
    put: store,
    drop,
    get: async (ref) => {
      await enter('get', ref.type.kind, ref.name);
      return objects.get(keyOf(ref.type, ref.namespace, ref.name));
    },
    list: async (type, options = {}) => {
      await enter('list', type.kind);
      const items = [...objects.values()].filter(
        (object) =>
          object.kind === type.kind &&
          (options.namespace === undefined || object.metadata.namespace === options.namespace),
      );
      return { items, resourceVersion: String(version) };
    },
    watch: (type, options, signal) => watch(type, options, signal),
    create: async (object) => {
      await enter('create', object.kind, object.metadata.name);
      const { namespace, name } = object.metadata;
      if (objects.has(keyOf(typeOf(object), namespace, name))) {
        throw new SerinError('SERIN_E_CONFLICT', `${object.kind} ${name} already exists. It is read again.`);
      }
      return store(object);
    },
    patch: async (patch) => {
      const { type, namespace, name } = patch.target;
      await enter('patch', type.kind, name);
      const before = objects.get(keyOf(type, namespace, name));
      if (patch.kind === 'apply') {
        return store({ ...before, ...patch.object, metadata: { ...before?.metadata, ...patch.object.metadata } });
      }
      if (before === undefined)
        throw new SerinError('SERIN_E_NOT_FOUND', `${type.kind} ${name} does not exist. Check it.`);
      try {
        const operations = structuredClone(patch.operations) as jsonPatch.Operation[];
        return store(jsonPatch.applyPatch(structuredClone(before), operations, true).newDocument);
      } catch (cause) {
        throw new SerinError('SERIN_E_CONFLICT', `${type.kind} ${name} changed. It is read again.`, { cause });
      }
    },
    delete: async (ref, preconditions) => {
      await enter('delete', ref.type.kind, ref.name);
      const uid = objects.get(keyOf(ref.type, ref.namespace, ref.name))?.metadata.uid;
      if (uid !== undefined && preconditions?.uid !== undefined && preconditions.uid !== uid)
        throw new SerinError('SERIN_E_CONFLICT', `${ref.type.kind} ${ref.name} was made anew. It is read again.`);
      drop(ref);
    },
  };

  const enter = async (verb: string, kind: string, name = ''): Promise<void> => {
    kube.calls.push(`${verb} ${kind}${name === '' ? '' : ` ${name}`}`);
    await kube.fault?.(verb, `${kind}${name === '' ? '' : ` ${name}`}`);
  };

  async function* watch(
    type: ResourceType,
    options: { readonly resourceVersion: string; readonly namespace?: string },
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent, void, undefined> {
    await enter('watch', type.kind);
    let seen = Number(options.resourceVersion);
    for (;;) {
      for (const { version: at, event } of log.filter((entry) => entry.version > seen)) {
        seen = at;
        const isOurs = event.object.kind === type.kind;
        if (isOurs && (options.namespace ?? event.object.metadata.namespace) === event.object.metadata.namespace)
          yield event;
      }
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => reject(new SerinError('SERIN_E_ABORTED', 'The watch was cancelled. Fine.'));
        if (signal.aborted) onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        const wake = (): void => {
          waiting.delete(wake);
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
        waiting.add(wake);
      });
    }
  }
  return kube;
}

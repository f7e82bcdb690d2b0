/** Fetches what adapters ask for, from the informers' cache or afresh from the API server. */
import type { Finding, KubeObject, ObjectRef, ResourceType } from '../api/meta.ts';
import { SerinError } from '../errors.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { KubeReader } from '../kube/port.ts';
import type { ObjectQuery, ObjectSet } from '../workloads/port.ts';

/** Where a pass reads from. */
export interface ObjectReader {
  get(ref: ObjectRef): Promise<KubeObject | undefined>;
  /** All of a kind, in one namespace where it is namespaced. */
  list(type: ResourceType, namespace?: string): Promise<readonly KubeObject[]>;
  /** What is not watched, from the API server; `undefined` where only the cache is read. */
  listOnDemand?(type: ResourceType, namespace: string, labelSelector?: string): Promise<readonly KubeObject[]>;
}

/** Also says whether it was asked for something that the cache does not hold yet: then what was read is not the whole truth. */
export interface CachedReader extends ObjectReader {
  hasGaps(): boolean;
}

/** Costs nothing; may be a little behind. Good enough to find out that there is nothing to do. */
export function cachedReader(cache: ObjectCache): CachedReader {
  let hasGaps = false;
  const ask = (type: ResourceType): void => {
    if (cache.covers?.(type) === false) hasGaps = true;
  };
  return {
    hasGaps: () => hasGaps,
    get: async (ref) => {
      ask(ref.type);
      return cache.get(ref);
    },
    list: async (type, namespace) => {
      ask(type);
      return cache.list(type, namespace);
    },
  };
}

/** Named objects as they are now. Lists come from the cache where it holds the type: they only say who is ready. */
export function freshReader(
  kube: Pick<KubeReader, 'get' | 'list'>,
  cache: ObjectCache | undefined,
  signal: AbortSignal,
): ObjectReader {
  return {
    get: (ref) => kube.get(ref, signal),
    listOnDemand: async (type, namespace, labelSelector) =>
      (await kube.list(type, { namespace, ...(labelSelector === undefined ? {} : { labelSelector }) }, signal)).items,
    list: async (type, namespace) => {
      if (cache !== undefined && cache.covers?.(type) !== false) return cache.list(type, namespace);
      try {
        return (await kube.list(type, namespace === undefined ? {} : { namespace }, signal)).items;
      } catch (thrown) {
        // The kind is not installed: there are none of it.
        if (thrown instanceof SerinError && thrown.code === 'SERIN_E_NOT_FOUND') return [];
        throw thrown;
      }
    },
  };
}

/** Everything that was asked for, or the permission that is missing. */
export async function fetchObjects(
  reader: ObjectReader,
  queries: readonly ObjectQuery[],
): Promise<ObjectSet | Finding> {
  try {
    const fetched = await Promise.all(queries.map((query) => fetchOne(reader, query)));
    return objectSet(
      fetched.flatMap(({ named }) => named),
      fetched.flatMap(({ listed }) => listed),
      fetched.flatMap(({ unknown }) => unknown ?? []),
    );
  } catch (thrown) {
    const finding = findingOf(thrown);
    if (finding !== undefined) return finding;
    throw thrown;
  }
}

/** What a refusal by the API server means for a release, where trying again at once would not help. */
export function findingOf(thrown: unknown): Finding | undefined {
  if (!(thrown instanceof SerinError)) return undefined;
  const reason = REFUSALS[thrown.code];
  return reason === undefined ? undefined : { reason, message: thrown.message };
}

const REFUSALS: Readonly<Record<string, string>> = {
  SERIN_E_FORBIDDEN: 'PermissionMissing',
  SERIN_E_INVALID_SPEC: 'InvalidSpec',
  SERIN_E_NOT_FOUND: 'RouteNotFound',
};

interface Fetched {
  readonly named: readonly KubeObject[];
  readonly listed: readonly KubeObject[];
  /** Kinds that were not asked for. */
  readonly unknown?: string;
}

async function fetchOne(reader: ObjectReader, query: ObjectQuery): Promise<Fetched> {
  if (query.kind === 'onDemand') {
    const found = await listOnDemand(reader, query);
    return { named: [], listed: found ?? [], ...(found === undefined ? { unknown: query.type.kind } : {}) };
  }
  if (query.kind === 'all') return { named: [], listed: await reader.list(query.type, query.namespace) };
  const object = await reader.get(query.ref);
  return { named: object === undefined ? [] : [object], listed: [] };
}

/** No step forward depends on it: without the right to see it, it is not known. Of a kind that is not installed there are none. */
async function listOnDemand(
  reader: ObjectReader,
  { type, namespace, labelSelector }: Extract<ObjectQuery, { kind: 'onDemand' }>,
): Promise<readonly KubeObject[] | undefined> {
  try {
    return await reader.listOnDemand?.(type, namespace, labelSelector);
  } catch (thrown) {
    if (thrown instanceof SerinError && thrown.code === 'SERIN_E_FORBIDDEN') return undefined;
    if (thrown instanceof SerinError && thrown.code === 'SERIN_E_NOT_FOUND') return [];
    throw thrown;
  }
}

/** What was read by name is newer than what was listed. */
function objectSet(named: readonly KubeObject[], listed: readonly KubeObject[], unknown: readonly string[]): ObjectSet {
  const byKey = new Map<string, KubeObject>();
  for (const object of [...listed, ...named])
    byKey.set(keyOf(object.kind, object.metadata.namespace, object.metadata.name), object);
  return {
    find: (type, namespace, name) => byKey.get(keyOf(type.kind, type.namespaced ? namespace : undefined, name)),
    all: (type, namespace) =>
      [...byKey.values()].filter(
        ({ kind, metadata }) => kind === type.kind && (!type.namespaced || metadata.namespace === namespace),
      ),
    isKnown: (type) => !unknown.includes(type.kind),
  };
}

const keyOf = (kind: string, namespace: string | undefined, name: string): string =>
  `${kind} ${namespace ?? ''}/${name}`;

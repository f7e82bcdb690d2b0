/** The objects of one type, kept up to date by list and watch; lists again after any trouble. */
import type { KubeObject, ResourceType } from '../api/meta.ts';
import type { Clock } from '../clock.ts';
import { messageOf, SerinError } from '../errors.ts';
import type { KubeReader } from '../kube/port.ts';
import { keyOf } from './types.ts';

export interface Informer {
  get(key: string): KubeObject | undefined;
  list(): readonly KubeObject[];
  /** Resolves after the first complete list. */
  readonly synced: Promise<void>;
  /** Takes in the answer of an own write before the watch brings it; older events are ignored then. */
  assume(object: KubeObject): void;
}

type Change = 'changed' | 'deleted';

export interface InformerOptions {
  readonly kube: KubeReader;
  readonly clock: Clock;
  readonly type: ResourceType;
  readonly signal: AbortSignal;
  /** Called for every object that came, changed or went, after the store has it. */
  readonly onChange?: (change: Change, object: KubeObject) => void;
  /** A kind whose definition is not installed counts as empty, and is asked for again every few seconds. */
  readonly isOptional?: boolean;
  /** Told of anything but an API server that does not answer: that is a mistake in a listener. */
  readonly onTrouble?: ((sentence: string) => void) | undefined;
}

export function startInformer(options: InformerOptions): Informer {
  const { kube, clock, type, signal, onChange, isOptional, onTrouble } = options;
  const store = new Map<string, KubeObject>();
  let markSynced: () => void = () => undefined;
  const synced = new Promise<void>((resolve) => {
    markSynced = resolve;
  });

  const put = (object: KubeObject): void => {
    const key = keyOf(object);
    const known = store.get(key);
    if (known?.metadata.uid === object.metadata.uid && versionOf(known) >= versionOf(object)) return;
    store.set(key, object);
    onChange?.('changed', object);
  };
  const remove = (object: KubeObject): void => {
    if (store.delete(keyOf(object))) onChange?.('deleted', object);
  };

  const follow = async (): Promise<void> => {
    const { items, resourceVersion } = await kube.list(type, {}, signal);
    const present = new Set(items.map(keyOf));
    for (const item of items) put(item);
    for (const object of store.values()) if (!present.has(keyOf(object))) remove(object);
    markSynced();
    let from = resourceVersion;
    while (!signal.aborted) {
      for await (const event of kube.watch(type, { resourceVersion: from }, signal)) {
        if (event.type === 'BOOKMARK') {
          from = event.resourceVersion;
          continue;
        }
        from = event.object.metadata.resourceVersion ?? from;
        if (event.type === 'DELETED') remove(event.object);
        else put(event.object);
      }
      await clock.sleep(20, signal);
    }
  };

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      let waitMs = 200;
      try {
        await follow();
      } catch (thrown) {
        if (!signal.aborted && !(thrown instanceof SerinError))
          onTrouble?.(`Watching ${type.plural}: ${messageOf(thrown)}`);
        const isMissing = thrown instanceof SerinError && thrown.code === 'SERIN_E_NOT_FOUND';
        if (isOptional === true && isMissing) {
          markSynced();
          waitMs = 1_000;
        }
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  };
  void run();

  return { get: (key) => store.get(key), list: () => [...store.values()], synced, assume: put };
}

/** Resource versions of one API server are ordered numbers in every Kubernetes there is; documented so since 1.35. */
function versionOf(object: KubeObject | undefined): number {
  return object === undefined ? -1 : Number(object.metadata.resourceVersion);
}

/**
 * Objects as the cache keeps them: without what nobody in Serin reads. In a large cluster this is most of the memory.
 * An adapter that comes to read more says so here.
 */
import { CHANGED_IN_PLACE, type KubeObject, type ObjectMeta } from '../api/meta.ts';

/** A copy of the whole object, as kubectl leaves it. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** Kinds whose field managers are read: who changed a steered route. */
const KEEPS_MANAGERS = new Set(['VirtualService', 'DestinationRule']);
/** Kinds of which only metadata and status are read, and of annotations that they were changed in place. */
const WITHOUT_SPEC = new Set(['Pod']);

/** Keeps `metadata` but for managed fields and kubectl's copy, `spec` but for pods, and everything else. */
export function slim(object: KubeObject): KubeObject {
  const metadata = slimMetadata(object);
  if (!WITHOUT_SPEC.has(object.kind)) return metadata === object.metadata ? object : { ...object, metadata };
  const { spec: _, ...rest } = object;
  return { ...rest, apiVersion: object.apiVersion, kind: object.kind, metadata };
}

function slimMetadata({ kind, metadata }: KubeObject): ObjectMeta {
  const drops: string[] = [];
  if ('managedFields' in metadata && !KEEPS_MANAGERS.has(kind)) drops.push('managedFields');
  if ('annotations' in metadata && (WITHOUT_SPEC.has(kind) || metadata.annotations?.[LAST_APPLIED] !== undefined)) {
    drops.push('annotations');
  }
  if (drops.length === 0) return metadata;
  const kept = Object.fromEntries(Object.entries(metadata).filter(([key]) => !drops.includes(key)));
  if (!drops.includes('annotations')) return kept as unknown as ObjectMeta;
  if (WITHOUT_SPEC.has(kind)) {
    const mark = metadata.annotations?.[CHANGED_IN_PLACE];
    return {
      ...kept,
      ...(mark === undefined ? {} : { annotations: { [CHANGED_IN_PLACE]: '' } }),
    } as unknown as ObjectMeta;
  }
  const { [LAST_APPLIED]: _, ...annotations } = metadata.annotations ?? {};
  return { ...kept, annotations } as unknown as ObjectMeta;
}

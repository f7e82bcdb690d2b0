/**
 * Which kinds are watched: what the service and its adapters say they need, each once. Kinds that only Rollouts of other controllers need
 * are watched as soon as a Release is about one.
 */
import type { ResourceNeed, ResourceType } from '../api/meta.ts';
import { CLUSTER_NEEDS, SERVICE_NEEDS } from '../controller/needs.ts';
import { routers } from '../traffic/registry.ts';
import { workloadAdapters } from '../workloads/registry.ts';

export interface WatchedTypes {
  readonly always: readonly ResourceType[];
  readonly onDemand: readonly ResourceType[];
}

export function watchedTypes(): WatchedTypes {
  const { argoRollout, kruiseRollout, ...native } = workloadAdapters;
  const adapters = [...Object.values(native), ...Object.values(routers)];
  const always = typesOf([...SERVICE_NEEDS, ...CLUSTER_NEEDS, ...adapters.flatMap(({ needs }) => needs)]);
  const others = typesOf([argoRollout, kruiseRollout].flatMap((adapter) => adapter?.needs ?? []));
  return { always, onDemand: others.filter((type) => !always.includes(type)) };
}

function typesOf(needs: readonly ResourceNeed[]): readonly ResourceType[] {
  const watched = needs.filter((need) => need.verbs.includes('watch') && need.subresource === undefined);
  return [...new Map(watched.map(({ type }) => [`${type.group}/${type.kind}`, type])).values()];
}

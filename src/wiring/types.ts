/** Which kinds are watched: what the service and its adapters say they need, each once. */
import type { ResourceNeed, ResourceType } from '../api/meta.ts';
import { CLUSTER_NEEDS, SERVICE_NEEDS } from '../controller/needs.ts';
import { routers } from '../traffic/registry.ts';
import { workloadAdapters } from '../workloads/registry.ts';

export function watchedTypes(): readonly ResourceType[] {
  const adapters = [...Object.values(workloadAdapters), ...Object.values(routers)];
  const needs: readonly ResourceNeed[] = [
    ...SERVICE_NEEDS,
    ...CLUSTER_NEEDS,
    ...adapters.flatMap((each) => each.needs),
  ];
  const watched = needs.filter((need) => need.verbs.includes('watch') && need.subresource === undefined);
  return [...new Map(watched.map(({ type }) => [`${type.group}/${type.kind}`, type])).values()];
}

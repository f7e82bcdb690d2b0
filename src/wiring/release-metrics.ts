/** Series about each Release, from what the informers see: the same numbers as in status, on every replica. */
import { TYPES } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { Telemetry } from '../telemetry.ts';

export function followReleases(cache: ObjectCache, telemetry: Telemetry): () => void {
  const show = (release: Release): void => {
    const { namespace, name } = release.metadata;
    const { status } = release;
    telemetry.setOnly('serin_release_info', { namespace, name }, status?.phase ?? 'Waiting');
    telemetry.set('serin_release_weight_ratio', { namespace, name }, (status?.weight ?? 0) / 100);
    telemetry.set('serin_release_step', { namespace, name }, status?.step?.index ?? 0);
  };
  const unsubscribe = cache.subscribe((event, object) => {
    if (object.kind !== TYPES.release.kind) return;
    const { namespace = '', name } = object.metadata;
    if (event === 'deleted') telemetry.forgetRelease(namespace, name);
    else show(object as unknown as Release); // validated by the API server
  });
  for (const release of cache.list(TYPES.release)) show(release as unknown as Release);
  return unsubscribe;
}

/** Series about each Release, from what the informers see: the same numbers as in status, on every replica. */
import type { AnalysisRun } from '../api/analysis-run.ts';
import { type KubeObject, TYPES } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { Telemetry } from '../telemetry.ts';

/** Keeps the series up to date until the returned function is called. Objects were validated by the API server. */
export function followReleases(cache: ObjectCache, telemetry: Telemetry): () => void {
  const showRelease = (object: KubeObject): void => {
    const { metadata, status } = object as unknown as Release;
    const { namespace, name } = metadata;
    telemetry.setOnly('serin_release_info', { namespace, name }, status?.phase ?? 'Waiting');
    telemetry.set('serin_release_weight_ratio', { namespace, name }, (status?.weight ?? 0) / 100);
    telemetry.set('serin_release_step', { namespace, name }, status?.step?.index ?? 0);
  };
  const showRun = (object: KubeObject): void => {
    const { metadata, spec, status } = object as unknown as AnalysisRun;
    const { namespace } = metadata;
    const { name } = spec.release;
    // A run that outlives its Release must not bring its series back.
    if (status?.phase !== 'Running' || cache.get({ type: TYPES.release, namespace, name }) === undefined) return;
    const metrics = status.verdict?.['metrics'];
    for (const each of Array.isArray(metrics) ? (metrics as readonly { name?: unknown; odds?: unknown }[]) : []) {
      if (typeof each.name !== 'string' || typeof each.odds !== 'number') continue;
      telemetry.set('serin_analysis_odds', { namespace, name, metric: each.name }, each.odds);
    }
  };
  const unsubscribe = cache.subscribe((event, object) => {
    if (object.kind === TYPES.analysisRun.kind && event !== 'deleted') showRun(object);
    if (object.kind !== TYPES.release.kind) return;
    if (event === 'deleted') telemetry.forgetRelease(object.metadata.namespace ?? '', object.metadata.name);
    else showRelease(object);
  });
  for (const release of cache.list(TYPES.release)) showRelease(release);
  return unsubscribe;
}

/** What the service itself reads and writes, beside its adapters: with `needs` of those it is the whole permission table. */
import { type ResourceNeed, TYPES } from '../api/meta.ts';

/** In every namespace that Serin works in. */
export const SERVICE_NEEDS: readonly ResourceNeed[] = [
  { type: TYPES.release, verbs: ['get', 'list', 'watch', 'patch'], because: 'what is to be released; its finalizer' },
  { type: TYPES.release, subresource: 'status', verbs: ['get', 'patch'], because: 'what is going on' },
  { type: TYPES.analysisTemplate, verbs: ['get', 'list', 'watch'], because: 'what is measured' },
  { type: TYPES.argoAnalysisTemplate, verbs: ['get'], because: 'templates of Argo Rollouts, read in place' },
  {
    type: TYPES.analysisRun,
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    because: 'one run for each attempt',
  },
  { type: TYPES.analysisRun, subresource: 'status', verbs: ['get', 'patch'], because: 'verdict, evidence and reasons' },
  { type: TYPES.job, verbs: ['get', 'create', 'delete'], because: 'metrics that a Job measures' },
  { type: TYPES.event, verbs: ['create', 'patch'], because: 'telling people what changed' },
];

/** Kinds without a namespace: always granted for the whole cluster, read-only. */
export const CLUSTER_NEEDS: readonly ResourceNeed[] = [
  { type: TYPES.clusterAnalysisTemplate, verbs: ['get', 'list', 'watch'], because: 'shared templates' },
  { type: TYPES.argoClusterAnalysisTemplate, verbs: ['get'], because: 'shared templates of Argo Rollouts' },
  { type: TYPES.metricQuery, verbs: ['get', 'list', 'watch'], because: 'the query library' },
];

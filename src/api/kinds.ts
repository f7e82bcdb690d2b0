/** Every kind of the group, in the order of the reference page. */
import { analysisRunKind } from './analysis-run.ts';
import { analysisTemplateKind, clusterAnalysisTemplateKind } from './analysis-template.ts';
import type { KindDefinition } from './kind.ts';
import { metricQueryKind } from './metric-query.ts';
import { releaseKind } from './release.ts';

export const KINDS: readonly KindDefinition[] = [
  releaseKind,
  analysisTemplateKind,
  clusterAnalysisTemplateKind,
  analysisRunKind,
  metricQueryKind,
];

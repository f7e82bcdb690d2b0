/** `dryRun` and `measurementRetention`: each names metrics of its template, by a regular expression. */
import { listAt, stringAt } from '../../api/fields.ts';
import type { AnalysisTemplateSpec } from '../../api/analysis-template.ts';
import { metricRules } from '../../judge/argo/resolve.ts';
import { isTemplate } from './arguments.ts';
import type { Check } from './context.ts';
import { finding, pathIn } from './finding.ts';

const FIELDS = ['dryRun', 'measurementRetention'] as const;

export const checkMetricRules: Check = (object) => {
  // Rules of a template that is made of others may be meant for those.
  if (!isTemplate(object) || listAt(object.value, 'spec', 'templates').length > 0) return [];
  const names = listAt(object.value, 'spec', 'metrics').map((metric) => stringAt(metric, 'name') ?? '');
  return FIELDS.flatMap((field) => {
    const rules = listAt(object.value, 'spec', field).flatMap((rule) => {
      const metricName = stringAt(rule, 'metricName');
      return metricName === undefined ? [] : [{ metricName }];
    });
    // What is not there or no text is said by the checks of the structure.
    if (rules.length !== listAt(object.value, 'spec', field).length) return [];
    const spec = { [field]: rules } as Partial<AnalysisTemplateSpec> as AnalysisTemplateSpec; // only these are read
    const found = metricRules([{ name: object.name, isCluster: object.kind.startsWith('Cluster'), spec }], names);
    if (!('reason' in found)) return [];
    const message = found.message.replace(/^\w+ \S*: /, '');
    return [finding('reference', object.place(pathIn(message)), message)];
  });
};

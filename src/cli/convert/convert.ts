/** Whatever the files hold, each document by the converter of its tool; what nothing here knows is said. Pure. */
import { at, type Fields, isFields, listAt, stringAt } from '../../api/fields.ts';
import { convertArgo } from './argo.ts';
import { convertCanary, convertMetricTemplate } from './flagger.ts';
import { convertCanaryConfig, isCanaryConfig } from './kayenta.ts';
import { joined, losing, NOTHING, type Outcome } from './outcome.ts';
import type { Library } from '../lint/library.ts';

export interface Document {
  readonly file: string;
  readonly value: unknown;
}

export function convert(documents: readonly Document[], library: Library): Outcome {
  const all = documents.flatMap(unlisted);
  const templates = all.flatMap(({ value }) => (isFields(value) && isFlagger(value, 'MetricTemplate') ? [value] : []));
  const canaries = all.filter(({ value }) => isFields(value) && isFlagger(value, 'Canary'));
  const used = new Set(
    canaries.flatMap(({ value }) =>
      listAt(value, 'spec', 'analysis', 'metrics').map((metric) => stringAt(metric, 'templateRef', 'name')),
    ),
  );
  return joined(
    all.map(({ file, value }) => {
      const config = isFields(value) && isFields(value['canaryConfig']) ? value['canaryConfig'] : value;
      if (isCanaryConfig(config)) return convertCanaryConfig(config, file, library);
      if (!isFields(value)) return NOTHING;
      if (isFlagger(value, 'Canary')) return convertCanary(value, file, { templates, library });
      // A template that a Canary of this call uses is part of that one's.
      if (isFlagger(value, 'MetricTemplate')) {
        return used.has(stringAt(value, 'metadata', 'name')) ? NOTHING : convertMetricTemplate(value, file, library);
      }
      if (isArgo(value)) return convertArgo(value, file, library);
      const kind = stringAt(value, 'kind') ?? 'This document';
      return {
        objects: [],
        losses: [
          losing(file)(
            '',
            `${kind} is nothing that can be converted. Known are canary configs of Kayenta, Canary and MetricTemplate of Flagger, and templates of Argo Rollouts.`,
          ),
        ],
      };
    }),
  );
}

function unlisted({ file, value }: Document): readonly Document[] {
  return at(value, 'kind') === 'List'
    ? listAt(value, 'items').map((item) => ({ file, value: item }))
    : [{ file, value }];
}

const isFlagger = (value: Fields, kind: string): boolean =>
  value['kind'] === kind && String(value['apiVersion']).startsWith('flagger.app/');

const isArgo = (value: Fields): boolean =>
  (value['kind'] === 'AnalysisTemplate' || value['kind'] === 'ClusterAnalysisTemplate') &&
  String(value['apiVersion']).startsWith('argoproj.io/');

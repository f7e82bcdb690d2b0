/** What a test sets: weights, analysis, both sides, and answers of providers; each checked, and told by its field. Pure. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import { isFields } from '../../api/fields.ts';
import type { ResolvedMeasure } from '../../api/measure.ts';
import type { AnalysisSpec } from '../../api/release.ts';
import { readDurationMs } from '../../api/units.ts';
import type { Specs } from '../specs/specs.ts';
import { valueProblem } from './measured.ts';
import type { WrittenSide, WrittenTest } from './test-file.ts';

/** The test itself cannot be run; `path` below `tests[n]`. */
export interface Broken {
  readonly kind: 'broken';
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export interface Weights {
  readonly list: readonly { readonly fromMs: number; readonly weight: number }[];
}

export function readWeights({ weights }: WrittenTest): Weights | Broken {
  const list = (weights ?? [{ from: '0s', weight: 50 }]).map(({ from, weight }) => ({
    fromMs: readDurationMs(from) ?? 0,
    weight,
  }));
  const wrongAt = list.findIndex(({ fromMs }, index) => fromMs <= (list[index - 1]?.fromMs ?? -1));
  if (wrongAt < 0) return { list };
  return broken(
    ['weights', wrongAt],
    `weights[${wrongAt}].from is not after the one before. Write them in the order of time.`,
  );
}

export function analysisOf({ analysis, release }: WrittenTest, specs: Specs): { readonly spec: AnalysisSpec } | Broken {
  if ((analysis === undefined) === (release === undefined)) {
    return broken(
      [],
      'It needs either analysis (as in a Release: templates and settings) or release, the name of one in template_files.',
    );
  }
  if (analysis !== undefined) return { spec: analysis };
  const found = specs.get(`Release/${release ?? ''}`)?.['analysis'];
  if (isFields(found)) return { spec: found as AnalysisSpec }; // resolveRun checks what it uses
  return broken(
    ['release'],
    `release is ${release ?? ''}, and no Release of that name in template_files has spec.analysis. Add its file to template_files.`,
  );
}

export const armOf = (side: WrittenSide | undefined, usual: string): AnalysisRunSpec['arms']['stable'] => ({
  workload: side?.workload ?? usual,
  ...(side?.version === undefined ? {} : { version: side.version }),
});

interface GivenMeasures {
  readonly measures: readonly ResolvedMeasure[];
  /** Metrics with a provider whose values the test does not give. */
  readonly leftOut: readonly string[];
}

/** `isAsked`: whether somebody evaluates the queries of this provider, so that nothing needs to be written. */
export function measuredOf(
  { measured = [] }: WrittenTest,
  measures: readonly ResolvedMeasure[],
  isAsked: (provider: string) => boolean,
): GivenMeasures | Broken {
  for (const [index, written] of measured.entries()) {
    const measure = measures.find(({ name }) => name === written.metric);
    const names = measures.map(({ name }) => name).join(', ') || 'none';
    if (measure === undefined) {
      return broken(
        ['measured', index, 'metric'],
        `measured[${index}].metric is ${written.metric}, which asks no provider here. Those that do: ${names}.`,
      );
    }
    const problem = valueProblem(written, Object.keys(measure.provider)[0] ?? '');
    if (problem !== undefined) {
      return broken(['measured', index, 'values'], `measured[${index}].values hold ${problem}.`);
    }
  }
  const isGiven = ({ name, provider }: ResolvedMeasure): boolean =>
    measured.some(({ metric }) => metric === name) || isAsked(Object.keys(provider)[0] ?? '');
  return {
    measures: measures.filter(isGiven),
    leftOut: measures.filter((each) => !isGiven(each)).map(({ name }) => name),
  };
}

export function broken(path: readonly (string | number)[], message: string): Broken {
  return { kind: 'broken', path, message };
}

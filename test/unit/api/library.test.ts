import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { analysisTemplateKind, clusterAnalysisTemplateKind } from '../../../src/api/analysis-template.ts';
import { at, stringAt } from '../../../src/api/fields.ts';
import type { KindDefinition } from '../../../src/api/kind.ts';
import type { Finding } from '../../../src/api/meta.ts';
import { metricQueryKind } from '../../../src/api/metric-query.ts';
import { validateQuery } from '../../../src/api/validate-query.ts';
import { validateTemplate } from '../../../src/api/validate-template.ts';
import { refusals } from '../../support/admission.ts';

const CHECKS: readonly { readonly kind: KindDefinition; readonly validate: (spec: unknown) => readonly Finding[] }[] = [
  { kind: metricQueryKind, validate: validateQuery },
  { kind: analysisTemplateKind, validate: validateTemplate },
  { kind: clusterAnalysisTemplateKind, validate: validateTemplate },
];

const root = new URL('../../../', import.meta.url);
const objects = ['queries', 'analyses'].flatMap((folder) =>
  readdirSync(new URL(folder, root))
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) =>
      parseAllDocuments(readFileSync(new URL(`${folder}/${file}`, root), 'utf8')).map((document) => ({
        file: `${folder}/${file}`,
        object: document.toJS() as unknown,
      })),
    ),
);
const queries = objects.map(({ object }) => object).filter((object) => at(object, 'kind') === 'MetricQuery');

describe('the library', () => {
  test('has queries and analyses', () => {
    expect(queries.length).toBeGreaterThan(0);
    expect(objects.length).toBeGreaterThan(queries.length);
  });

  test.each(objects)('$file is admitted and works', ({ object }) => {
    const check = CHECKS.find(({ kind }) => kind.type.kind === at(object, 'kind'));
    expect(check).toBeDefined();
    if (check === undefined) return;
    expect(refusals(check.kind, object)).toEqual([]);
    expect(check.validate(at(object, 'spec'))).toEqual([]);
  });

  test('every query that an analysis names is there', () => {
    const known = queries.map((query) => stringAt(query, 'metadata', 'name'));
    const named = objects.flatMap(({ object }) => {
      const metrics = at(object, 'spec', 'metrics');
      return Array.isArray(metrics)
        ? metrics.flatMap((metric: unknown) => stringAt(metric, 'compare', 'query') ?? [])
        : [];
    });
    expect(named.length).toBeGreaterThan(0);
    for (const name of named) expect(known).toContain(name);
  });
});

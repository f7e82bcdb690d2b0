import { describe, expect, test } from 'vitest';
import { openApiSchema } from '../../../src/api/crd.ts';
import { at } from '../../../src/api/fields.ts';
import { rulesIn } from '../../../src/api/generate/reference.ts';
import { refusals } from '../../support/admission.ts';
import { CEL_CASES, celBase } from '../../support/cel-cases.ts';
import { objectWith, withField } from '../../support/specs.ts';

describe.each(CEL_CASES.map(({ kind, cases }) => ({ kind, cases, name: kind.type.kind })))(
  'rules of $name',
  ({ kind, cases }) => {
    test('each has a case', () => {
      // Rules about changes are tried on real servers, in test/integration/crds.test.ts.
      const rules = rulesIn(at(openApiSchema(kind), 'properties', 'spec'), 'spec').filter(
        ({ rule }) => !rule.includes('oldSelf'),
      );
      const untested = rules.filter(
        (rule) => !cases.some((one) => one.path === rule.path && rule.message.startsWith(one.says)),
      );
      expect(untested.map(({ path, message }) => `${path}: ${message}`)).toEqual([]);
      expect(new Set(cases.map(({ path, says }) => `${path} ${says}`)).size).toBe(rules.length);
    });

    describe.each(cases)('$path: $says', ({ path, says, field, pass, fail }) => {
      test.each(pass.map((value) => ({ value })))('admits $value', ({ value }) => {
        const object = objectWith(kind, withField(celBase(kind, field), field, value));
        expect(refusals(kind, object)).toEqual([]);
      });

      test.each(fail.map((value) => ({ value })))('refuses $value', ({ value }) => {
        const object = objectWith(kind, withField(celBase(kind, field), field, value));
        const where = path.replaceAll('[]', '[0]').replaceAll('.*', '.group');
        const found = refusals(kind, object).filter((refusal) =>
          refusal.replaceAll(/\[\d+\]/g, '[0]').startsWith(`${where}: ${says}`),
        );
        expect(found).toHaveLength(1);
      });
    });
  },
);

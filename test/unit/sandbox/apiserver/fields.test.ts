import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fieldsOf } from '../../../../src/sandbox/apiserver/fields/collect.ts';
import { compare } from '../../../../src/sandbox/apiserver/fields/compare.ts';
import { FieldSet, readablePath } from '../../../../src/sandbox/apiserver/fields/field-set.ts';
import { merge, removeFields } from '../../../../src/sandbox/apiserver/fields/merge.ts';
import { afterApply, afterUpdate } from '../../../../src/sandbox/apiserver/fields/ownership.ts';
import { equalJson, type Json, type JsonObject } from '../../../../src/sandbox/apiserver/json.ts';
import type { Schema } from '../../../../src/sandbox/apiserver/schema/schema.ts';

const schema: Schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        size: { type: 'integer' },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        items: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: { type: 'object', properties: { name: { type: 'string' }, value: { type: 'string' } } },
        },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        plain: { type: 'array', items: { type: 'string' } },
      },
    },
  },
};

const word = fc.constantFrom('a', 'b', 'c', 'd');
/** No empty maps: `{}` is a leaf of its own, which a filled map does not contain. */
const spec: fc.Arbitrary<JsonObject> = fc.record(
  {
    size: fc.integer({ min: 0, max: 3 }),
    labels: fc.dictionary(word, word, { minKeys: 1 }),
    items: fc.uniqueArray(fc.record({ name: word, value: word }), { selector: (item) => item.name, minLength: 1 }),
    tags: fc.uniqueArray(word, { minLength: 1 }),
    plain: fc.array(word, { minLength: 1 }),
  },
  { requiredKeys: ['size'] },
);
const object: fc.Arbitrary<JsonObject> = spec.map((value) => ({ spec: value }));

const rules = { schema, filter: (set: FieldSet) => set };
const writer = (manager: string) => ({ manager, apiVersion: 'v1', subresource: '', time: '2026-01-01T00:00:00Z' });
const texts = (set: FieldSet): string[] => set.paths().map(readablePath).sort();

describe('field sets', () => {
  test('survive being written as FieldsV1 and read again', () => {
    fc.assert(
      fc.property(object, (value) => {
        const set = fieldsOf(value, schema);
        expect(texts(FieldSet.fromFieldsV1(set.toFieldsV1()))).toEqual(texts(set));
      }),
    );
  });

  test('obey set algebra', () => {
    fc.assert(
      fc.property(object, object, (left, right) => {
        const [a, b] = [fieldsOf(left, schema), fieldsOf(right, schema)];
        expect(a.difference(a).empty).toBe(true);
        expect(texts(a.difference(b).union(a.intersection(b)))).toEqual(texts(a));
        expect(texts(a.union(b))).toEqual(texts(b.union(a)));
      }),
    );
  });

  test('read as people write paths', () => {
    const set = fieldsOf({ spec: { items: [{ name: 'x', value: '1' }], tags: ['t'] } }, schema);
    expect(texts(set)).toEqual([
      '.spec.items[name="x"]',
      '.spec.items[name="x"].name',
      '.spec.items[name="x"].value',
      '.spec.tags[="t"]',
    ]);
  });
});

describe('comparison', () => {
  test('of an object with itself finds nothing, of two objects finds something exactly when they differ', () => {
    fc.assert(
      fc.property(object, object, (before, after) => {
        const { added, modified, removed } = compare(before, after, schema);
        const nothing = added.empty && modified.empty && removed.empty;
        const same = equalJson(ordered(before), ordered(after));
        if (same) expect(nothing).toBe(true);
        else if (nothing) expect(ordered(before)).toEqual(ordered(after));
      }),
    );
  });
});

/** Keyed lists and sets have no order of their own. */
function ordered(value: JsonObject): Json {
  const body = value['spec'] as JsonObject;
  const sorted = (list: Json | undefined): Json[] =>
    Array.isArray(list) ? [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : [];
  return { ...body, items: sorted(body['items']), tags: sorted(body['tags']) };
}

describe('merge', () => {
  test('contains everything applied, and applying twice equals once', () => {
    fc.assert(
      fc.property(object, object, (live, applied) => {
        const once = merge(live, applied, schema) as JsonObject;
        expect(ordered(merge(once, applied, schema) as JsonObject)).toEqual(ordered(once));
        expect(fieldsOf(applied, schema).difference(fieldsOf(once, schema)).empty).toBe(true);
      }),
    );
  });

  test('removing what was collected leaves nothing of it', () => {
    fc.assert(
      fc.property(object, (value) => {
        const left = removeFields(value, fieldsOf(value, schema), schema);
        expect(texts(fieldsOf(left, schema)).filter((path) => !path.endsWith('.spec') && path !== '')).toEqual([]);
      }),
    );
  });
});

describe('ownership', () => {
  test('after a first apply the manager owns exactly what it applied', () => {
    fc.assert(
      fc.property(object, (applied) => {
        const outcome = afterApply({}, applied, new Map(), writer('me'), rules, false);
        if (outcome.kind !== 'applied') throw new Error('no conflict is possible here');
        const mine = [...outcome.managers.values()].map((manager) => texts(manager.set));
        const expected = texts(fieldsOf(applied, schema));
        expect(mine).toEqual(expected.length === 0 ? [] : [expected]);
      }),
    );
  });

  test('whoever applies nothing takes away what nobody else owns, and only that', () => {
    fc.assert(
      fc.property(object, object, (mine, theirs) => {
        const first = afterApply({}, mine, new Map(), writer('me'), rules, true);
        if (first.kind !== 'applied') return;
        const second = afterApply(first.object, theirs, first.managers, writer('you'), rules, true);
        if (second.kind !== 'applied') return;
        const third = afterApply(second.object, { spec: {} }, second.managers, writer('me'), rules, true);
        if (third.kind !== 'applied') throw new Error('nothing applied cannot conflict');
        expect(fieldsOf(theirs, schema).difference(fieldsOf(third.object, schema)).empty).toBe(true);
      }),
    );
  });

  test('an update takes changed fields from everybody', () => {
    fc.assert(
      fc.property(object, object, (before, after) => {
        const applied = afterApply({}, before, new Map(), writer('me'), rules, true);
        if (applied.kind !== 'applied') return;
        const managers = afterUpdate(applied.object, after, applied.managers, writer('editor'), rules);
        const changes = compare(applied.object, after, schema);
        const owner = [...managers.values()].find(({ manager }) => manager === 'me');
        expect(owner?.set.intersection(changes.modified).empty ?? true).toBe(true);
        expect(owner?.set.intersection(changes.removed).empty ?? true).toBe(true);
      }),
    );
  });
});

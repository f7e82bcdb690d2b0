import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StoredObject } from '../../../../src/sandbox/apiserver/object.ts';
import { Store } from '../../../../src/sandbox/apiserver/store/store.ts';

const object = (name: string): StoredObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
const names = (store: Store, revision: number): string[] =>
  store.listAt('core/configmaps', '', revision).map((version) => version.key);

test('a list at any revision in the history is the list as it was then', () => {
  const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), remove: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const store = new Store();
      const seen: { revision: number; keys: string[] }[] = [];
      for (const { key, remove } of steps) {
        if (remove) store.remove('core/configmaps', key);
        else store.put('core/configmaps', key, object(key));
        seen.push({ revision: store.revision, keys: store.list('core/configmaps').map((version) => version.key) });
      }
      for (const { revision, keys } of seen) expect(names(store, revision)).toEqual(keys);
    }),
  );
});

test('events after a revision are all of them, in order, and of that resource only', () => {
  const store = new Store();
  store.put('core/configmaps', 'a', object('a'));
  const since = store.revision;
  store.put('core/secrets', 's', object('s'));
  store.put('core/configmaps', 'a', object('a'));
  store.remove('core/configmaps', 'a');
  const events = store.eventsAfter('core/configmaps', since);
  expect(events.map(({ type }) => type)).toEqual(['MODIFIED', 'DELETED']);
  expect(events.map(({ revision }) => revision)).toEqual([since + 2, since + 3]);
});

test('a full history forgets the oldest events and says so', () => {
  const store = new Store({ history: 10 });
  for (let index = 0; index < 100; index += 1) store.put('core/configmaps', 'a', object('a'));
  expect(store.compactedRevision).toBeGreaterThan(50);
  expect(store.eventsAfter('core/configmaps', store.compactedRevision)[0]?.revision).toBe(store.compactedRevision + 1);
  store.compact();
  expect(store.compactedRevision).toBe(store.revision);
  expect(store.eventsAfter('core/configmaps', 0)).toEqual([]);
});

test('a deletion carries the last state under a revision of its own', () => {
  const store = new Store();
  const put = store.put('core/configmaps', 'a', object('a'));
  const removed = store.remove('core/configmaps', 'a');
  expect(removed?.object.metadata.resourceVersion).toBe(String(put.revision + 1));
  expect(put.object.metadata.resourceVersion).toBe(String(put.revision));
  expect(store.remove('core/configmaps', 'a')).toBeUndefined();
});

/** The examples of Rollouts, as they are in deploy/examples: in order for the linter, then a good and a bad version beside a stand-in for their controller. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { at, fieldsAt, sameJson } from '../../../src/api/fields.ts';
import { TYPES } from '../../../src/api/meta.ts';
import { readFiles } from '../../../src/cli/lint/files.ts';
import { openLibrary } from '../../../src/cli/lint/library.ts';
import { lint } from '../../../src/cli/lint/lint.ts';
import { type Controller, stagedExample } from '../../support/stand-ins/example-stage.ts';

const EXAMPLES: readonly [Controller, string, string?][] = [
  ['argo-rollouts', 'blue-green'],
  ['argo-rollouts', 'canary'],
  ['argo-rollouts', 'timed-pauses'],
  ['argo-rollouts', 'workload-ref'],
  ['kruise-rollouts', 'blue-green'],
  ['kruise-rollouts', 'canary'],
  ['kruise-rollouts', 'clone-set'],
  // The Deployment is the reader's.
  ['kruise-rollouts', 'git', 'canary'],
  ['kruise-rollouts', 'partition'],
];

const folderOf = (controller: Controller): string =>
  fileURLToPath(new URL(`../../../deploy/examples/${controller}`, import.meta.url));

test.each(['argo-rollouts', 'kruise-rollouts'] as const)('each file of %s is here', (controller) => {
  const names = EXAMPLES.filter(([folder]) => folder === controller).map(([, name]) => `${name}.yaml`);
  expect(readdirSync(folderOf(controller)).toSorted()).toEqual(names);
});

test.each(EXAMPLES)('%s/%s: the linter has nothing to say', async (controller, name) => {
  const options = { scrapeMs: 15_000, badShare: 0.001 };
  const files = await readFiles([`${folderOf(controller)}/${name}.yaml`]);
  expect(lint({ files, library: openLibrary(), options }).findings).toEqual([]);
});

describe('carried out', () => {
  test.each(EXAMPLES)(
    '%s/%s: a good version is promoted, and nothing else is changed',
    async (controller, name, besides) => {
      const stage = await stagedExample(controller, name, besides);
      const before = await stage.users();
      await stage.deploy('2');
      const template = await stage.template();
      expect(await stage.played('Pass')).toMatchObject({ phase: 'Promoted', reason: 'Promoted' });
      expect(await stage.template()).toEqual(template);
      expect(withoutTheirs(await stage.users())).toEqual(withoutTheirs(before));
    },
  );

  test.each(EXAMPLES)(
    '%s/%s: a bad version is given up, and what users own is as before',
    async (controller, name, besides) => {
      const stage = await stagedExample(controller, name, besides);
      const before = await stage.users();
      const template = await stage.template();
      await stage.deploy('2');
      const bad = await stage.template();
      // Nobody's requests reach the preview of a blue-green Rollout of Argo, so a person gives it up.
      const isByPerson = controller === 'argo-rollouts' && name === 'blue-green';
      if (isByPerson) await stage.givenUp();
      const end = { phase: 'Aborted', reason: isByPerson ? 'AbortedByPerson' : 'ErrorsAboveStable' };
      expect(await stage.played('Fail')).toMatchObject(end);
      if (name === 'git') {
        expect(await stage.template()).toEqual(bad);
        expect(at(await stage.worker.get(TYPES.kruiseRollout, 'web'), 'spec', 'strategy', 'paused')).toBe(true);
        await stage.revert();
        await stage.played('Fail');
      }
      // Argo gives the requests back and leaves the template; Kruise has no other way back than the template.
      expect(await stage.template()).toEqual(controller === 'argo-rollouts' ? bad : template);
      expect(withoutTheirs(await stage.users())).toEqual(withoutTheirs(before));
    },
  );
});

describe.each(['argo-rollouts', 'kruise-rollouts'] as const)('while the controller of %s is away', (controller) => {
  const MINUTE_MS = 60_000;

  test('a Pass opens the pause once, and the release waits for it', async () => {
    const stage = await stagedExample(controller, 'canary');
    await stage.deploy('2');
    for (const status of await stage.judgedAlone('Pass', [MINUTE_MS, 60 * MINUTE_MS]))
      expect(status).toMatchObject({ phase: 'Progressing', reason: 'WaitingForRollout', weight: 20 });
    expect(await stage.played('Pass')).toMatchObject({ phase: 'Promoted', history: [{ attempt: 1 }] });
  });

  test('a Fail is a stall after a minute, which says that the canary may keep its requests; then it ends as always', async () => {
    const stage = await stagedExample(controller, 'canary');
    await stage.deploy('2');
    const [atOnce, later, muchLater] = await stage.judgedAlone('Fail', [MINUTE_MS, 60 * MINUTE_MS]);
    expect(atOnce).toMatchObject({ phase: 'Aborting', reason: 'ErrorsAboveStable', weight: 20 });
    expect(atOnce?.message).not.toContain('not done');
    for (const status of [later, muchLater]) {
      expect(status).toMatchObject({ phase: 'Aborting', reason: 'ErrorsAboveStable', weight: 20 });
      expect(status?.message).toMatch(/the canary may keep its requests; check that it runs\.$/);
      expect(status?.conditions).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ type: 'Stalled', status: 'True', reason: 'RolloutNotTakenBack' }),
          expect.objectContaining({ type: 'TrafficRouted', status: 'False', reason: 'RolloutNotTakenBack' }),
        ]),
      );
    }
    const end = await stage.played('Fail');
    expect(end).toMatchObject({ phase: 'Aborted', reason: 'ErrorsAboveStable', weight: 0 });
    expect(end.message).not.toContain('not done');
    expect(end.conditions).toContainEqual(expect.objectContaining({ type: 'Stalled', status: 'False' }));
  });
});

/** At the first step that is judged. The whole of the workload is five pods, or ten, or four. */
test.each([
  ['argo-rollouts', 'canary', undefined, { stable: 4, canary: 1 }],
  ['argo-rollouts', 'workload-ref', undefined, { stable: 3, canary: 1 }],
  ['kruise-rollouts', 'blue-green', undefined, { stable: 5, canary: 5 }],
  ['kruise-rollouts', 'canary', undefined, { stable: 5, canary: 1 }],
  ['kruise-rollouts', 'git', 'canary', { stable: 5, canary: 1 }],
  ['kruise-rollouts', 'clone-set', undefined, { stable: 9, canary: 1 }],
  ['kruise-rollouts', 'partition', undefined, { stable: 9, canary: 1 }],
] as const)('%s/%s: the analysis knows whose pods are whose', async (controller, name, besides, counts) => {
  const stage = await stagedExample(controller, name, besides);
  await stage.deploy('2');
  expect(await stage.judgedPods()).toEqual(counts);
});

/** Which pods a Service selects, and which revision was stable, are their controllers' own notes. */
function withoutTheirs(users: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(
    Object.entries(users).map(([key, object]) => {
      const { 'rollouts.kruise.io/stable-revision': _stable, ...labels } = fieldsAt(object, 'labels');
      const annotations = fieldsAt(object, 'annotations');
      const { 'rollouts-pod-template-hash': _hash, ...selector } = fieldsAt(object, 'spec', 'selector');
      const own = sameJson(selector, {}) ? fieldsAt(object, 'spec') : { ...fieldsAt(object, 'spec'), selector };
      const { updateStrategy, ...rest } = own;
      // What stands there by default.
      const spec = updateStrategy === undefined || sameJson(updateStrategy, { partition: 0 }) ? rest : own;
      return [key, { labels, annotations, spec }];
    }),
  );
}

/** The stories of a Deployment in place on the real controllers: what users get and what stays of their objects must be as in memory. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { at } from '../../src/api/fields.ts';
import { TYPES } from '../../src/api/meta.ts';
import { CONFIG_STORIES, configObjects, podsOf, remaining } from '../support/config-stories.ts';
import { type InPlaceCluster, NAMESPACE, startInPlaceCluster } from '../support/in-place-cluster.ts';
import { endOf, IN_PLACE_STORIES, users, withoutHold } from '../support/in-place-stories.ts';
import { play, playDying } from '../support/release-stories.ts';
import { describeWith } from '../support/tools.ts';

describeWith(['controlplane', 'kubectl'], 'a Deployment in place, on the real control plane', () => {
  let cluster: InPlaceCluster;
  beforeAll(async () => {
    cluster = await startInPlaceCluster();
  });
  afterAll(() => cluster?.stop());

  test.each(Object.entries(IN_PLACE_STORIES).filter(([, { isCostly }]) => isCostly !== true))(
    '%s',
    { timeout: 300_000 },
    async (_name, { acts, spec, ends, isHeld = false }) => {
      const stage = await cluster.stage(spec);
      const before = withoutHold(await users(stage));
      await play(stage, acts, stage.worker());
      await stage.settle(stage.kube);
      expect(await endOf(stage)).toBe(ends);
      expect(withoutHold(await users(stage))).toEqual(before);
      const web = await stage.kube.get({ type: TYPES.deployment, namespace: NAMESPACE, name: 'web' });
      if (isHeld || !ends.startsWith('gone')) expect(at(web, 'spec', 'paused')).toBe(true);
      if (ends.startsWith('gone')) expect(web?.metadata.labels).toEqual({ team: 'shop' });
    },
  );

  test.each(Object.entries(CONFIG_STORIES).filter(([, { isReal }]) => isReal === true))(
    '%s',
    { timeout: 300_000 },
    async (_name, { acts, spec, ends, pods, says }) => {
      const stage = await cluster.stage(spec, configObjects(spec));
      const before = withoutHold(await users(stage));
      const first = await podsOf(stage.kube);
      await play(stage, acts, stage.worker());
      await stage.settle(stage.kube);
      expect(await endOf(stage)).toBe(ends);
      expect(withoutHold(await users(stage))).toEqual(before);
      expect(remaining(first, await podsOf(stage.kube))).toBe(pods);
      expect((await stage.worker().release()).status?.message).toMatch(says ?? /./);
    },
  );

  test.each([2, 6, 10, 14, 18, 22])(
    'killed after write %i of a release that passes: whoever comes next ends it alike',
    { timeout: 300_000 },
    async (write) => {
      const { acts = [], ends } = IN_PLACE_STORIES['every step passes: the Deployment replaces its own pods'] ?? {};
      const stage = await cluster.stage();
      expect(await playDying(stage, acts, write, 'after')).toBe(true);
      await stage.settle(stage.kube);
      expect(await endOf(stage)).toBe(ends);
    },
  );
});

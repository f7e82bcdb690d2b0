/** The reconcile loop over HTTP, with schemas, subresources and finalizers in force: death between any two writes, and two workers at once. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringAt } from '../../src/api/fields.ts';
import { TYPES } from '../../src/api/meta.ts';
import { startApiServer } from '../../src/sandbox/apiserver/server.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { type ReleaseServer, releaseServer } from '../support/release-server.ts';
import { endOf, endState, play, playDying, routesIn, STORIES } from '../support/release-stories.ts';
import { describeWith } from '../support/tools.ts';

interface Deaths {
  readonly stories: readonly string[];
  /** Every so many writes somebody dies. */
  readonly every: number;
}

const ALL: Deaths = {
  stories: [
    'a release that is promoted',
    'a release that is aborted on its evidence',
    'a newer revision in the middle of a release',
    'a deletion in the middle of a release',
    'a step with an analysis of its own',
  ],
  every: 1,
};
/** A story takes seconds where every write reaches a disk. */
const SOME: Deaths = { stories: ['a release that is promoted'], every: 4 };

describe('on the sandbox’s API server', () => suite(ALL, onSandbox));

describeWith(['kube-apiserver'], 'on the real API server', () =>
  suite(SOME, async () => {
    const plane = await startControlPlane({ controllers: false });
    return releaseServer(plane.kubeconfig, () => plane.stop());
  }),
);

async function onSandbox(): Promise<ReleaseServer> {
  const server = await startApiServer();
  const folder = await mkdtemp(join(tmpdir(), 'serin-reconcile-'));
  const kubeconfig = join(folder, 'config');
  await writeFile(kubeconfig, server.kubeconfig);
  return releaseServer(kubeconfig, async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });
}

function suite({ stories, every }: Deaths, start: () => Promise<ReleaseServer>): void {
  let server: ReleaseServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.stop());

  test.each(Object.entries(STORIES).filter(([, { isCostly }]) => isCostly !== true))(
    '%s',
    async (_name, { spec, acts, ends, isAsBefore }) => {
      const stage = await server.stage(spec);
      const before = await routesIn(stage);
      await play(stage, acts, stage.worker());
      expect(await endOf(stage)).toBe(ends);
      if (isAsBefore === true) expect(await routesIn(stage)).toEqual(before);
    },
  );

  test.each(stories)('killed after a write of %s, the end is the same', { timeout: 300_000 }, async (name) => {
    const story = STORIES[name];
    if (story === undefined) throw new Error(`no story ${name}`);
    const plain = await server.stage(story.spec);
    await play(plain, story.acts, plain.worker());
    const expected = await endState(plain);
    let deaths = 0;
    for (let at = 0; ; at += every) {
      const stage = await server.stage(story.spec);
      if (!(await playDying(stage, story.acts, at, 'after'))) break;
      deaths++;
      expect(await endState(stage), `killed after write ${at}`).toEqual(expected);
    }
    expect(deaths).toBeGreaterThan(4);
  });

  test('two workers come to the same end as one', async () => {
    const story = STORIES['a release that is promoted'];
    const stage = await server.stage(story?.spec);
    const [one, other] = [stage.worker(), stage.worker()];
    const together = async (): Promise<void> => {
      await Promise.all([one.reconcile(), other.reconcile()]);
      await one.reconcile();
    };
    await together();
    for (const act of story?.acts ?? []) {
      await act(stage, one);
      await together();
    }
    expect(await endOf(stage)).toBe('Promoted 0/100');
    const { items } = await stage.kube.list(TYPES.event, { namespace: 'shop' });
    // A real API server has things of its own to say, about Services for one.
    const events = items.filter((event) => stringAt(event, 'involvedObject', 'kind') === 'Release');
    expect(events.map(({ action }) => String(action)).toSorted()).toEqual([
      'advanced',
      'advanced',
      'promoted',
      'started',
    ]);
  });
}

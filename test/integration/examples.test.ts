/** The examples of native workloads, as they are in deploy/examples: linted, then carried out on the real control plane, up to the promotion. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { listAt, stringAt } from '../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import { readFiles } from '../../src/cli/lint/files.ts';
import { openLibrary } from '../../src/cli/lint/library.ts';
import { lint } from '../../src/cli/lint/lint.ts';
import { type InPlaceCluster, NAMESPACE, startInPlaceCluster } from '../support/in-place-cluster.ts';
import { judged, judgedStep } from '../support/release-stories.ts';
import { describeWith } from '../support/tools.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Example {
  readonly name: string;
  readonly file: string;
  /** Whose image is changed. */
  readonly changed: string;
  /** Changed instead of the image, in words of kubectl. */
  readonly instead?: readonly string[];
}
const CACHE_ON = ['patch', 'configmap', 'web-config', '--patch', '{"data": {"CACHE": "on"}}'];

const EXAMPLES: readonly Example[] = [
  ['blue-green/istio', 'web-v2'],
  ['blue-green/service', 'web-v2'],
  ['deployment/ab-test', 'web'],
  ['deployment/blue-green', 'web'],
  ['deployment/config', 'web'],
  ['deployment/istio', 'web'],
  ['deployment/replicas', 'web'],
  ['deployment/rolling-update', 'web'],
  ['pair/analysis-step', 'web-v2'],
  ['pair/istio', 'web-v2'],
  ['pair/match', 'web-v2'],
  ['pair/mirror', 'web-v2'],
  ['pair/recreate', 'web-v2'],
  ['pair/replicas', 'web-v2'],
].map(([name = '', changed = '']) => ({
  name,
  changed,
  file: join(root, 'deploy/examples', `${name}.yaml`),
  ...(name === 'deployment/config' ? { instead: CACHE_ON } : {}),
}));

test('each file of these folders is here', async () => {
  for (const folder of ['blue-green', 'deployment', 'pair']) {
    const files = await readdir(join(root, 'deploy/examples', folder));
    expect(files.map((file) => `${folder}/${basename(file, '.yaml')}`)).toEqual(
      EXAMPLES.map(({ name }) => name).filter((name) => name.startsWith(`${folder}/`)),
    );
  }
});

describe('serin lint finds nothing in', () => {
  test.each(EXAMPLES)('$name', async ({ file }) => {
    const options = { scrapeMs: 15_000, badShare: 0.001 };
    const report = lint({ files: await readFiles([file]), library: openLibrary(), options });
    expect(report.findings).toEqual([]);
  });
});

describeWith(['controlplane', 'kubectl'], 'carried out on the real control plane', () => {
  let cluster: InPlaceCluster;
  beforeAll(async () => {
    cluster = await startInPlaceCluster();
    for (const folder of ['queries', 'analyses']) {
      const wanted = (file: string): boolean => /^(istio-(requests|latency)|success-and-latency)\.yaml$/.test(file);
      for (const file of (await readdir(join(root, folder))).filter(wanted)) {
        const documents = parseAllDocuments(await readFile(join(root, folder, file), 'utf8'));
        await cluster.apply(documents.map((document) => document.toJS() as KubeObject));
      }
    }
  });
  afterAll(() => cluster?.stop());

  test.each(EXAMPLES)(
    '$name: the next version is promoted',
    { timeout: 300_000 },
    async ({ file, changed, instead }) => {
      const stage = await cluster.stage(undefined, []);
      await cluster.kubectl('apply', '-f', file);
      await stage.settle(stage.kube);
      const worker = stage.worker();
      await worker.reconcile();
      expect((await worker.release()).status).toMatchObject({ phase: 'Idle', reason: 'Initial' });
      await cluster.kubectl(...(instead ?? ['set', 'image', `deployment/${changed}`, 'web=registry.example/web:2']));
      await stage.settle(stage.kube);
      await worker.reconcile();
      // An A/B test lasts its time, and somebody judges all the while.
      const [most, everyMs] = basename(file) === 'ab-test.yaml' ? [12, 150_000] : [6, 0];
      for (let steps = 0; steps < most; steps++) {
        stage.clock.pass(everyMs);
        const { status } = await worker.release();
        if (status?.phase !== 'Progressing') break;
        if (status.step?.waitingFor === 'pause') stage.clock.pass(600_000);
        else await (status.stepRuns === undefined ? judged : judgedStep)('Pass')(stage, worker);
        await worker.reconcile();
      }
      expect((await worker.release()).status).toMatchObject({ phase: 'Promoted', reason: 'Promoted' });
      await stage.settle(stage.kube);
      const found = await stage.kube.get({ type: TYPES.deployment, namespace: NAMESPACE, name: changed });
      const [container] = listAt(found, 'spec', 'template', 'spec', 'containers');
      expect(stringAt(container, 'image')).toBe(`registry.example/web:${instead === undefined ? 2 : 1}`);
      const mark = stringAt(found, 'spec', 'template', 'metadata', 'annotations', 'serin.dev/config');
      expect(mark === undefined).toBe(instead === undefined);
      const users = await stage.kube.get({ type: TYPES.service, namespace: NAMESPACE, name: 'web' });
      const switched = stringAt(users, 'spec', 'selector', 'version');
      expect([undefined, 'v2']).toContain(switched);
      const weighted = await stage.kube.get({ type: TYPES.virtualService, namespace: NAMESPACE, name: 'web' });
      if (weighted === undefined) return;
      const routes = listAt(listAt(weighted, 'spec', 'http')[0], 'route');
      const live = routes.filter((route) => (route as { weight?: number }).weight !== 0);
      expect(live.map((route) => stringAt(route, 'destination', 'subset'))).toEqual([
        changed === 'web' ? 'stable' : 'v2',
      ]);
    },
  );
});

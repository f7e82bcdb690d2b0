/** The CRDs on API servers: accepted as structural, examples admitted, every CEL rule at work, columns as people know them. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { analysisRunKind } from '../../src/api/analysis-run.ts';
import { crdOf } from '../../src/api/crd.ts';
import { at, listAt, stringAt } from '../../src/api/fields.ts';
import type { KindDefinition } from '../../src/api/kind.ts';
import { KINDS } from '../../src/api/kinds.ts';
import { type KubeObject, type ObjectRef, type ResourceType, TYPES } from '../../src/api/meta.ts';
import { releaseKind } from '../../src/api/release.ts';
import { type ConnectedKubeClient, createKubeClient } from '../../src/kube/client.ts';
import { startApiServer } from '../../src/sandbox/apiserver/server.ts';
import { CEL_CASES, celBase } from '../support/cel-cases.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { withField } from '../support/specs.ts';
import { describeWith, requireTool } from '../support/tools.ts';

interface Server {
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

async function startSandboxServer(): Promise<Server> {
  const server = await startApiServer();
  const folder = await mkdtemp(join(tmpdir(), 'serin-crds-'));
  const kubeconfig = join(folder, 'config');
  await writeFile(kubeconfig, server.kubeconfig);
  return {
    kubeconfig,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}

describeWith(['kubectl'], 'the CRDs on the sandbox’s API server', () => suite(startSandboxServer));
describeWith(['kube-apiserver', 'kubectl'], 'the CRDs on the real API server', () =>
  suite(() => startControlPlane({ controllers: false })),
);

const CRD: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

/** A custom object, as YAML or code made it. */
const asObject = (value: unknown): KubeObject => value as KubeObject;

function suite(start: () => Promise<Server>): void {
  let server: Server;
  let kube: ConnectedKubeClient;
  let serial = 0;

  beforeAll(async () => {
    server = await start();
    kube = createKubeClient({ kubeconfig: server.kubeconfig });
    await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }, 'test');
    for (const kind of KINDS) await kube.create(asObject(crdOf(kind)), 'test');
    for (const kind of KINDS) await established(kind);
  });
  afterAll(async () => {
    kube?.close();
    await server?.stop();
  });

  const established = async (kind: KindDefinition): Promise<void> => {
    for (let attempt = 0; attempt < 100; attempt++) {
      const found = await kube.list(kind.type).catch(() => undefined);
      if (found !== undefined) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${kind.type.kind} was never served`);
  };

  const make = async (kind: KindDefinition, spec: unknown): Promise<ObjectRef> => {
    const name = `o${serial++}`;
    const namespace = kind.type.namespaced ? { namespace: 'shop' } : {};
    await kube.create(
      asObject({
        apiVersion: `${kind.type.group}/${kind.type.version}`,
        kind: kind.type.kind,
        metadata: { name, ...namespace },
        spec,
      }),
      'test',
    );
    return { type: kind.type, ...namespace, name };
  };

  test.each(KINDS.map((kind) => ({ kind, name: kind.type.kind })))(
    '$name is structural, and its example is admitted',
    async ({ kind }) => {
      const crd = await kube.get({ type: CRD, name: `${kind.type.plural}.${kind.type.group}` });
      const conditions = listAt(crd, 'status', 'conditions').map((condition) => [
        stringAt(condition, 'type'),
        stringAt(condition, 'status'),
      ]);
      expect(conditions).toContainEqual(['Established', 'True']);
      expect(conditions.filter(([type]) => type === 'NonStructuralSchema')).toEqual([]);
      const example = asObject(parse(kind.example));
      const made = await kube.create(example, 'test');
      // Nothing was pruned: every field of the example is known.
      expect(made['spec']).toMatchObject(example['spec'] as object);
    },
  );

  describe.each(CEL_CASES.map((one) => ({ ...one, name: one.kind.type.kind })))('$name', ({ kind, cases }) => {
    test.each(cases)('$path: $says', async ({ field, pass, fail, says }) => {
      for (const value of pass) await make(kind, withField(celBase(kind, field), field, value));
      for (const value of fail) {
        await expect(make(kind, withField(celBase(kind, field), field, value))).rejects.toThrow(says);
      }
    });
  });

  test('defaults are filled in where no preset governs', async () => {
    const ref = await make(releaseKind, {
      ...(parse(releaseKind.example) as { spec: object }).spec,
      analysis: { templates: [{ name: 'a' }] },
    });
    const stored = await kube.get(ref);
    expect(at(stored, 'spec', 'mode')).toBe('act');
    expect(at(stored, 'spec', 'analysis')).toEqual({
      templates: [{ name: 'a', clusterScope: false }],
      preset: 'recommended',
      onInconclusive: 'hold',
      retreatAfter: '30m',
    });
  });

  test('the Services that are switched cannot be exchanged, everything else of the strategy can', async () => {
    const ref = await make(releaseKind, {
      workload: { pair: { members: ['a', 'b'] } },
      traffic: { service: { name: 'web' } },
      strategy: { blueGreen: { preview: 'web-preview' } },
    });
    const edit = (path: string, value: unknown): Promise<unknown> =>
      kube.patch({ kind: 'json', target: ref, operations: [{ op: 'add', path, value }], fieldManager: 'test' });
    await edit('/spec/strategy/blueGreen/scaleDownAfter', '10m');
    await edit('/spec/traffic/service/name', 'web');
    const istio = { istio: { virtualService: { name: 'web' } } };
    await expect(edit('/spec/traffic/service/name', 'shop')).rejects.toThrow('cannot be exchanged');
    await expect(edit('/spec/traffic', istio)).rejects.toThrow('cannot be exchanged');
    await expect(edit('/spec/strategy/blueGreen/preview', 'shop-preview')).rejects.toThrow('cannot be exchanged');
    await expect(edit('/spec/strategy/blueGreen', {})).rejects.toThrow('cannot be exchanged');
  });

  const pairOf = (...members: string[]): object => ({ pair: { members } });
  const istioOf = (more: object, virtualService: object = { routes: ['main'] }): object => ({
    istio: { virtualService: { name: 'web', ...virtualService }, ...more },
  });
  const steered = {
    workload: pairOf('a', 'b'),
    traffic: istioOf({ destinationRule: { name: 'web' } }, { routes: ['main', 'api'] }),
    strategy: { canary: { stepWeights: [10] } },
  };
  const byReplicas = { workload: pairOf('a', 'b'), strategy: steered.strategy };

  test.each([
    ['another VirtualService', steered, '/spec/traffic/istio/virtualService/name', 'web2'],
    ['fewer routes', steered, '/spec/traffic/istio/virtualService/routes', ['main']],
    ['more routes', steered, '/spec/traffic/istio/virtualService/routes', ['main', 'api', 'old']],
    ['all routes', steered, '/spec/traffic/istio/virtualService', { name: 'web' }],
    ['another DestinationRule', steered, '/spec/traffic/istio/destinationRule/name', 'web2'],
    ['no DestinationRule', steered, '/spec/traffic', istioOf({}, { routes: ['main', 'api'] })],
    ['a router', byReplicas, '/spec/traffic', istioOf({})],
    ['no router', steered, '/spec', byReplicas],
    ['another member', steered, '/spec/workload/pair/members', ['a', 'c']],
    ['another workload', byReplicas, '/spec/workload', { deployment: { name: 'a' } }],
    ['another Rollout', { workload: { argoRollout: { name: 'a' } } }, '/spec/workload/argoRollout/name', 'b'],
    ['another Rollout', { workload: { kruiseRollout: { name: 'a' } } }, '/spec/workload/kruiseRollout/name', 'b'],
  ])('what is steered cannot be exchanged: %s', async (_name, spec, path, value) => {
    const ref = await make(releaseKind, spec);
    const operations = [{ op: 'add', path, value }] as const;
    await expect(kube.patch({ kind: 'json', target: ref, operations, fieldManager: 'test' })).rejects.toThrow(
      'cannot be exchanged: delete this Release',
    );
  });

  test('the order of names says nothing, and everything else of a Release may change', async () => {
    const ref = await make(releaseKind, steered);
    const changed = {
      workload: { pair: { members: ['b', 'a'], scaleDownAfter: '10m' } },
      traffic: istioOf({ destinationRule: { name: 'web' } }, { routes: ['api', 'main'] }),
      strategy: { canary: { stepWeights: [5, 50] } },
      paused: true,
    };
    const operations = [{ op: 'add', path: '/spec', value: changed }] as const;
    await kube.patch({ kind: 'json', target: ref, operations, fieldManager: 'test' });
    expect((await kube.get(ref))?.['spec']).toMatchObject(changed);
  });

  test('the spec of a run never changes, its status does', async () => {
    const ref = await make(analysisRunKind, (parse(analysisRunKind.example) as { spec: unknown }).spec);
    const change = (path: string, value: unknown, subresource?: 'status'): Promise<KubeObject> =>
      kube.patch({
        kind: 'json',
        target: ref,
        operations: [{ op: 'add', path, value }],
        fieldManager: 'test',
        ...(subresource === undefined ? {} : { subresource }),
      });
    await expect(change('/spec/metrics/0/query/counts/bad/match/response_code', { regex: '4..' })).rejects.toThrow(
      'never changes',
    );
    await expect(change('/spec/attempt', 2)).rejects.toThrow('never changes');
    await change('/status', { phase: 'Running' }, 'status');
    await change('/metadata/labels', { a: 'b' });
  });

  test('kubectl shows the columns', async () => {
    const status = {
      phase: 'Aborted',
      reason: 'ErrorsAboveStable',
      revision: { rejected: [] },
      weight: 0,
      step: { index: 3, of: 6, since: new Date().toISOString(), waitingFor: 'judge' },
      stepText: '3/6',
      verdict: { outcome: 'Fail' },
      conditions: [],
    };
    await kube.patch({
      kind: 'json',
      target: { type: TYPES.release, namespace: 'shop', name: 'web' },
      subresource: 'status',
      operations: [{ op: 'add', path: '/status', value: status }],
      fieldManager: 'test',
    });
    // Not the synchronous way: the sandbox's server runs in this very process.
    const get = async (...more: readonly string[]): Promise<readonly (readonly string[])[]> => {
      const args = ['--kubeconfig', server.kubeconfig, '-n', 'shop', 'get', 'rel', 'web', ...more];
      const { stdout } = await promisify(execFile)(requireTool('kubectl'), args, { timeout: 30_000 });
      return stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.trimEnd().split(/ {2,}/));
    };
    expect(await get()).toEqual([
      ['NAME', 'PHASE', 'WEIGHT', 'STEP', 'VERDICT', 'REASON', 'AGE'],
      ['web', 'Aborted', '0', '3/6', 'Fail', 'ErrorsAboveStable', expect.stringMatching(/^\d+s$/)],
    ]);
    expect(await get('-o', 'wide')).toEqual([
      ['NAME', 'PHASE', 'WEIGHT', 'STEP', 'VERDICT', 'REASON', 'WORKLOAD', 'ROUTER', 'SINCE', 'AGE'],
      [
        'web',
        'Aborted',
        '0',
        '3/6',
        'Fail',
        'ErrorsAboveStable',
        '["web-v1","web-v2"]',
        'web',
        expect.stringMatching(/^\d+s$/),
        expect.stringMatching(/^\d+s$/),
      ],
    ]);
  });
}

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { meshDefinitions } from '../../src/sandbox/cluster/definitions.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { describeWith, requireTool } from '../support/tools.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const chart = join(root, 'deploy/charts/serin');

interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Record<string, string>;
  };
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
  readonly spec?: { readonly template?: { readonly spec: Record<string, unknown> } };
}

async function template(...sets: readonly string[]): Promise<readonly Manifest[]> {
  const { stdout } = await run(
    requireTool('helm'),
    ['template', 'serin', chart, '--namespace', 'serin', ...sets.flatMap((set) => ['--set', set])],
    { maxBuffer: 64 << 20 },
  );
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

const PROMETHEUS = 'prometheus.url=http://prometheus:9090';

describeWith(['helm'], 'the chart, rendered by the real helm', () => {
  test('passes helm lint --strict', async () => {
    const { stdout } = await run(requireTool('helm'), ['lint', '--strict', chart, '--set', PROMETHEUS]);
    expect(stdout).toContain('0 chart(s) failed');
  });

  test.each([
    { given: 'no Prometheus', sets: [], says: 'prometheus.url is not set' },
    {
      given: 'two replicas without Redis',
      sets: [PROMETHEUS, 'replicaCount=2'],
      says: 'replicaCount above 1 needs Redis',
    },
    { given: 'a value that does not exist', sets: [PROMETHEUS, 'replicas=2'], says: 'replicas' },
    { given: 'a Prometheus that is no address', sets: ['prometheus.url=prometheus'], says: 'prometheus' },
  ])('refuses $given and says so', async ({ sets, says }) => {
    await expect(template(...sets)).rejects.toThrow(says);
  });

  test('no role reads Secrets unless a namespace is named, and then only by name', async () => {
    const secretRules = (manifests: readonly Manifest[]) =>
      manifests.flatMap(({ rules }) => rules ?? []).filter(({ resources }) => resources.includes('secrets'));
    expect(secretRules(await template(PROMETHEUS))).toEqual([]);
    expect(secretRules(await template(PROMETHEUS, 'secretNamespaces={shop}')).map(({ verbs }) => verbs)).toEqual([
      ['get'],
    ]);
    const config = (await template(PROMETHEUS, 'configNamespaces={shop}')).filter(({ rules = [] }) =>
      rules.some(({ resources }) => resources.includes('configmaps') || resources.includes('secrets')),
    );
    expect(config.map(({ kind, metadata }) => `${kind} ${metadata.namespace}/${metadata.name}`)).toEqual([
      'Role shop/serin-config',
    ]);
    expect(config.flatMap(({ rules = [] }) => rules.map(({ verbs }) => verbs))).toEqual([['get'], ['get']]);
  });

  test('with watchNamespaces, permissions over workloads are Roles in those namespaces', async () => {
    const manifests = await template(PROMETHEUS, 'watchNamespaces={shop,pay}');
    const clusterRules = manifests.filter(({ kind }) => kind === 'ClusterRole').flatMap(({ rules }) => rules ?? []);
    expect(clusterRules.flatMap(({ resources }) => resources).sort()).toEqual([
      'clusteranalysistemplates', // of Argo Rollouts
      'clusteranalysistemplates',
      'metricqueries',
    ]);
    expect(manifests.filter(({ kind, metadata }) => kind === 'Role' && metadata.name === 'serin')).toHaveLength(2);
  });

  test('only what is switched on may be changed', async () => {
    const writers = async (...sets: string[]): Promise<readonly string[]> => {
      const rules = (await template(PROMETHEUS, ...sets))
        .filter(({ kind, metadata }) => kind === 'ClusterRole' && metadata.name === 'serin')
        .flatMap(({ rules: all }) => all ?? []);
      const changed = rules.filter(({ verbs }) => verbs.some((verb) => !['get', 'list', 'watch'].includes(verb)));
      return [...new Set(changed.flatMap(({ resources }) => resources))];
    };
    expect(await writers()).toEqual(expect.arrayContaining(['deployments', 'statefulsets', 'virtualservices']));
    const off = ['deployment', 'argoRollout', 'kruiseRollout', 'service'].map((name) => `rbac.writes.${name}=false`);
    const left = await writers(...off);
    // What a switch waits for is read only where switches are on.
    const readers = async (...sets: string[]): Promise<readonly string[]> =>
      (await template(PROMETHEUS, ...sets)).flatMap(({ rules }) => rules ?? []).flatMap(({ resources }) => resources);
    expect(await readers()).toContain('endpointslices');
    expect(await readers(...off)).not.toContain('endpointslices');
    expect(left).toEqual(expect.arrayContaining(['deployments/scale', 'virtualservices', 'releases/status']));
    for (const gone of ['deployments', 'statefulsets', 'rollouts', 'services']) expect(left).not.toContain(gone);
    await expect(template(PROMETHEUS, 'rbac.writes.paris=true')).rejects.toThrow('paris');
  });

  test('the pod keeps to the restricted Pod Security Standard', async () => {
    const deployment = (await template(PROMETHEUS)).find(({ kind }) => kind === 'Deployment');
    expect(deployment?.spec?.template?.spec).toMatchObject({
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
    });
  });

  test('the hold by policy is opt-in, and refused where the cluster does not serve it', async () => {
    const KIND = 'MutatingAdmissionPolicy';
    expect((await template(PROMETHEUS)).map(({ kind }) => kind)).not.toContain(KIND);
    await expect(template(PROMETHEUS, 'holdPolicy.enabled=true')).rejects.toThrow('needs Kubernetes 1.36');
  });

  test('definitions stay when the chart goes, unless asked otherwise', async () => {
    const policies = async (...sets: string[]) =>
      (await template(PROMETHEUS, ...sets))
        .filter(({ kind }) => kind === 'CustomResourceDefinition')
        .map(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy']);
    expect(new Set(await policies())).toEqual(new Set(['keep']));
    expect(new Set(await policies('crds.keep=false'))).toEqual(new Set([undefined]));
  });
});

describeWith(['helm', 'kubectl', 'controlplane'], 'the chart on a real control plane', () => {
  let plane: ControlPlane;
  let home: string;
  const withCluster = async (tool: string, ...args: readonly string[]): Promise<string> => {
    const env = { ...process.env, KUBECONFIG: plane.kubeconfig, HOME: home };
    return (await run(requireTool(tool), args, { env, maxBuffer: 64 << 20 })).stdout;
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'serin-chart-'));
    plane = await startControlPlane();
    const definitions = join(home, 'mesh.json');
    await writeFile(definitions, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: meshDefinitions() }));
    await withCluster('kubectl', 'apply', '--server-side', '-f', definitions);
  });
  afterAll(async () => {
    await plane.stop();
    await rm(home, { recursive: true, force: true });
  });

  test('installs, brings kinds that kubectl explains and a library, and lets the service do what it needs and no more', async () => {
    await withCluster(
      'helm',
      'install',
      'serin',
      chart,
      '--namespace',
      'serin',
      '--create-namespace',
      '--set',
      PROMETHEUS,
      '--set',
      'secretNamespaces={default},configNamespaces={serin}',
    );
    // The API server publishes the reference of new kinds a moment after it serves them.
    await expect
      .poll(() => withCluster('kubectl', 'explain', 'release.spec.strategy.canary').catch(() => ''), {
        timeout: 20_000,
        interval: 500,
      })
      .toContain('stepWeights');
    expect(await withCluster('kubectl', 'get', 'metricqueries', '-o', 'name')).toContain(
      'metricquery.serin.dev/istio-requests',
    );
    const can = async (verb: string, resource: string, namespace: string): Promise<string> =>
      (
        await withCluster(
          'kubectl',
          'auth',
          'can-i',
          verb,
          resource,
          '-n',
          namespace,
          '--as',
          'system:serviceaccount:serin:serin',
        ).catch((thrown: { stdout: string }) => thrown.stdout)
      ).trim();
    expect(await can('patch', 'releases.serin.dev/status', 'shop')).toBe('yes');
    expect(await can('patch', 'virtualservices.networking.istio.io', 'shop')).toBe('yes');
    expect(await can('get', 'secrets', 'default')).toBe('yes');
    expect(await can('list', 'secrets', 'default')).toBe('no');
    expect(await can('get', 'secrets', 'shop')).toBe('no');
    expect(await can('get', 'secrets', 'serin')).toBe('yes');
    expect(await can('get', 'configmaps', 'serin')).toBe('yes');
    expect(await can('list', 'configmaps', 'serin')).toBe('no');
    expect(await can('get', 'configmaps', 'default')).toBe('no');
    expect(await can('patch', 'deployments.apps', 'shop')).toBe('yes');
    expect(await can('update', 'deployments.apps', 'shop')).toBe('no');
    expect(await can('delete', 'replicasets.apps', 'shop')).toBe('no');
    expect(await can('delete', 'pods', 'shop')).toBe('no');
    // The canary of a Deployment that is released in place.
    expect(await can('create', 'deployments.apps', 'shop')).toBe('yes');
    expect(await can('create', 'pods', 'shop')).toBe('no');
    // blueGreen switches the selector of a Service that a Release names.
    expect(await can('patch', 'services', 'shop')).toBe('yes');
    expect(await can('update', 'services', 'shop')).toBe('no');
    expect(await can('delete', 'services', 'shop')).toBe('no');
    expect(await can('patch', 'horizontalpodautoscalers.autoscaling', 'shop')).toBe('no');
  });

  test('upgrades in place, and an uninstall leaves the definitions and what users wrote', async () => {
    await withCluster(
      'helm',
      'upgrade',
      'serin',
      chart,
      '--namespace',
      'serin',
      '--set',
      PROMETHEUS,
      '--set',
      'log.level=debug',
    );
    await withCluster('helm', 'uninstall', 'serin', '--namespace', 'serin');
    expect(await withCluster('kubectl', 'get', 'crd', 'releases.serin.dev', '-o', 'name')).toContain(
      'releases.serin.dev',
    );
  });
});

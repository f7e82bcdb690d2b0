/** The real kubectl against the sandbox and against the real control plane: one session, the same words. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startApiServer } from '../../src/sandbox/apiserver/server.ts';
import { thingsDefinition } from '../support/apiserver-things.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { describeWith, requireTool } from '../support/tools.ts';

const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: app, image: "web:1", ports: [{containerPort: 80}], env: [{name: A, value: "1"}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, name: http}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a: "1"}
`;

const CHANGED = MANIFEST.replace('web:1', 'web:2').replace('{name: A, value: "1"}', '{name: B, value: "2"}');
const THING = '{apiVersion: conformance.serin.dev/v1, kind: Thing, metadata: {name: t}, spec: {weight: 5}}';
const BAD_THING = THING.replace('weight: 5', 'weight: 500');
const CLOSED_STATUS = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}';

/** Each line is one call of kubectl; `@name` is a file below. Answers are compared word for word once addresses and times are gone. */
const SESSION: readonly string[] = [
  'apply -f @manifest',
  'apply -f @manifest',
  'diff -f @changed',
  'apply -f @changed',
  'get deployment,service,configmap web settings --ignore-not-found',
  'get deployments',
  'get deploy web -o wide',
  'get deploy web -o jsonpath={.spec.template.spec.containers[0].env}',
  'get deploy -o name -l app=web',
  'get cm settings -o yaml',
  'describe configmap settings',
  'describe service web',
  'label deployment web tier=front',
  'label deployment web tier=back',
  'label deployment web tier=back --overwrite',
  'annotate deployment web note=hello',
  'patch deployment web -p {"spec":{"minReadySeconds":3}}',
  'patch deployment web --type=merge -p {"spec":{"minReadySeconds":4}}',
  'patch deployment web --type=json -p [{"op":"test","path":"/spec/minReadySeconds","value":9}]',
  'patch deployment web --type=json -p [{"op":"replace","path":"/spec/minReadySeconds","value":0}]',
  'set image deployment/web app=web:3',
  'scale deployment web --replicas=0',
  'apply --server-side --field-manager=other -f @manifest',
  'apply --server-side --field-manager=other --force-conflicts -f @manifest',
  'get thing',
  'apply -f @thing',
  'apply -f @bad-thing',
  'get th t',
  'get thing t -o custom-columns=W:.spec.weight,M:.spec.mode',
  'patch thing t --type=merge --subresource=status -p @closed-status',
  'wait --for=condition=Ready thing/t --timeout=5s',
  'wait --for=jsonpath={.spec.weight}=5 thing/t --timeout=5s',
  'wait --for=condition=Other thing/t --timeout=1s',
  'explain thing.spec.weight',
  'explain thing.spec.items --recursive',
  'api-resources --api-group=conformance.serin.dev',
  'auth can-i create pods',
  'create namespace made',
  'create configmap made --from-literal=a=b',
  'create secret generic made --from-literal=a=b',
  'create deployment made --image=made:1 --replicas=0 --port=80',
  'get deployment made -o yaml',
  'get secret made -o yaml',
  'create service clusterip made --tcp=80:8080',
  'get service made -o yaml',
  'create role made --verb=get --resource=pods',
  'create rolebinding made --role=made --serviceaccount=session:made',
  'get rolebinding made -o yaml',
  'run made --image=made:1 --restart=Never',
  'get pod made',
  'delete pod made',
  'get nothing',
  'get pods none',
  'delete thing t --wait=false',
  'delete -f @manifest --ignore-not-found',
  'delete configmap settings',
  'get deploy,svc,cm -l app=web',
];

interface Server {
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

describeWith(['kubectl', 'kube-apiserver', 'kube-controller-manager', 'etcd'], 'kubectl', () => {
  let folder = '';
  const servers: Server[] = [];
  const kubeconfigs: string[] = [];

  const kubectl = (kubeconfig: string, line: string): Promise<string> =>
    new Promise((resolve) => {
      const args = line.split(' ').map((part) => (part.startsWith('@') ? contentOf(folder, part.slice(1)) : part));
      const env = { ...process.env, KUBECONFIG: kubeconfig, KUBECTL_EXTERNAL_DIFF: 'diff -u', HOME: folder };
      execFile(requireTool('kubectl'), ['-n', 'session', ...args], { env }, (error, stdout, stderr) => {
        resolve(normalised(`${stdout}${stderr}exit ${error === null ? 0 : error.code}`));
      });
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'serin-kubectl-'));
    const files = {
      manifest: MANIFEST,
      changed: CHANGED,
      thing: THING,
      'bad-thing': BAD_THING,
      crd: JSON.stringify(thingsDefinition),
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const plane = await startControlPlane({ controllers: false });
    const sandbox = await startApiServer();
    servers.push({ ...plane, stop: () => plane.stop() }, sandbox);
    for (const [index, text] of [await readFile(plane.kubeconfig, 'utf8'), sandbox.kubeconfig].entries()) {
      kubeconfigs[index] = join(folder, `kubeconfig-${index}`);
      await writeFile(kubeconfigs[index], text);
      const namespace = join(folder, 'namespace');
      await writeFile(namespace, '{apiVersion: v1, kind: Namespace, metadata: {name: session}}');
      expect(await kubectl(kubeconfigs[index], `create -f ${namespace}`)).toContain('exit 0');
      expect(await kubectl(kubeconfigs[index], 'create -f @crd')).toContain('exit 0');
      expect(await kubectl(kubeconfigs[index], 'wait --for=condition=Established crd --all --timeout=20s')).toContain(
        'exit 0',
      );
    }
    await vi.waitFor(
      async () => {
        for (const kubeconfig of kubeconfigs) expect(await kubectl(kubeconfig, 'get things')).toContain('exit 0');
      },
      { timeout: 20_000, interval: 500 },
    );
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(SESSION)('kubectl %s', async (line) => {
    const [real, sandbox] = await Promise.all(kubeconfigs.map((kubeconfig) => kubectl(kubeconfig, line)));
    expect(sandbox).toBe(real);
  });
});

const contentOf = (folder: string, name: string): string =>
  name === 'closed-status' ? CLOSED_STATUS : join(folder, name);

/** Without what differs between any two servers: addresses, uids, times, resource versions, temporary folders, process ids. */
function normalised(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replaceAll(/resourceVersion: "\d+"/g, 'resourceVersion: RV')
    .replaceAll(/\b10\.\d+\.\d+\.\d+/g, 'ADDRESS')
    .replaceAll(/\/tmp\/\S+/g, 'FILE')
    .replaceAll(/\d\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d\S*( \+0000)?/g, 'TIME')
    .replaceAll(/ \d+m?\d*s\b/g, ' AGE')
    .replaceAll(/[ \t]+/g, ' ');
}

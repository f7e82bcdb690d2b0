/**
 * A laptop-sized cluster: API server, workload controllers, pods as real HTTP servers, an Istio-like mesh, load, faults
 * and a real Prometheus, in one child process. Nothing of it outlives the caller.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { type KubeObject, TYPES } from '../api/meta.ts';
import { systemClock } from '../clock.ts';
import { SerinError } from '../errors.ts';
import { createKubeClient } from '../kube/client.ts';
import type { KubeClient } from '../kube/port.ts';
import { createApplier } from './cluster/apply.ts';
import { CONTROL_NAMES, type SandboxAddresses, type SandboxControls, type SandboxOptions } from './cluster/controls.ts';
import { type FromSandbox, fromWire, type ToSandbox } from './cluster/messages.ts';
import { entryFile } from '../package-files.ts';

export interface Sandbox extends SandboxAddresses, SandboxControls {
  /** Process id of the sandbox. */
  readonly pid: number;
  /** The text of the kubeconfig. */
  readonly kubeconfig: string;
  readonly kube: KubeClient;
  /** Applies YAML or objects (server-side apply, field manager `sandbox`); definitions are waited for. */
  apply(manifests: string | readonly KubeObject[]): Promise<readonly KubeObject[]>;
  /** Deletes a pod, as `kubectl delete pod --now` would; its ReplicaSet replaces it. */
  killPod(namespace: string, name: string): Promise<void>;
  stop(): Promise<void>;
}

/** How long the child may take to end in order before it is killed. */
const STOP_TIMEOUT_MS = 15_000;

/** Up in about one second (with its own API server); throws what the child could not do. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const child = fork(entryFile('sandbox/cluster/child'), [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'json',
  });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  let addresses: SandboxAddresses | undefined;
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;

  const ready = new Promise<SandboxAddresses>((resolve, reject) => {
    child.on('message', (message: FromSandbox) => {
      if (message.kind === 'ready') resolve(message.addresses);
      else if (message.kind === 'failed') reject(fromWire(message.error));
      else {
        const call = waiting.get(message.id);
        waiting.delete(message.id);
        if (message.error === undefined) call?.resolve(message.value);
        else call?.reject(fromWire(message.error));
      }
    });
    child.once('exit', () => {
      const error = new SerinError('SERIN_E_ABORTED', 'The sandbox process has ended. Start a new sandbox.');
      reject(error);
      for (const call of waiting.values()) call.reject(error);
      void sweep(addresses);
    });
  });
  const send = (message: ToSandbox): void => {
    if (child.connected) child.send(message, () => undefined);
  };
  const call = (name: keyof SandboxControls, args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (isOver() || !child.connected) {
        reject(new SerinError('SERIN_E_ABORTED', 'The sandbox process has ended. Start a new sandbox.'));
        return;
      }
      calls += 1;
      waiting.set(calls, { resolve, reject });
      send({ kind: 'call', id: calls, name, args });
    });

  send({ kind: 'start', options });
  try {
    addresses = await ready;
  } catch (thrown) {
    await endChild(child, () => send({ kind: 'stop' }));
    throw thrown;
  }
  const kube = createKubeClient({ kubeconfig: addresses.kubeconfigPath });
  const kubeconfig = await readFile(addresses.kubeconfigPath, 'utf8');
  const life = new AbortController();
  const found = addresses;
  const controls = Object.fromEntries(
    CONTROL_NAMES.map((name) => [name, (...args: readonly unknown[]) => call(name, args)]),
  ) as unknown as SandboxControls; // every name of the interface is in the list, and the child answers with its types
  return {
    ...addresses,
    ...controls,
    pid: child.pid ?? 0,
    kubeconfig,
    kube,
    apply: createApplier(kube, systemClock, life.signal),
    killPod: async (namespace, name) => {
      await kube.delete({ type: TYPES.pod, namespace, name });
    },
    stop: async () => {
      life.abort();
      kube.close();
      await endChild(child, () => send({ kind: 'stop' }));
      await sweep(found);
    },
  };
}

async function endChild(child: ChildProcess, tell: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  tell();
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(late);
}

/** What a child that was killed could not clean up itself. */
async function sweep(addresses: SandboxAddresses | undefined): Promise<void> {
  if (addresses === undefined) return;
  if (addresses.prometheusPid !== undefined) await endStray(addresses.prometheusPid, addresses.dir);
  await rm(addresses.dir, { recursive: true, force: true, maxRetries: 3 });
}

/** Ends a Prometheus whose parent was killed; only if that process still is the one of this sandbox. */
async function endStray(pid: number, dir: string): Promise<void> {
  try {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8');
    if (command.includes(dir)) process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone, as it should be.
  }
}

/** The flags by which every command finds its cluster, as kubectl spells them. */
import type { Command } from 'commander';
import { SerinError } from '../errors.ts';
import type { KubeClient } from '../kube/port.ts';

export interface ConnectionFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

export function withConnection(command: Command): Command {
  return command
    .option(
      '--kubeconfig <file>',
      'kubeconfig to use (default: KUBECONFIG, ~/.kube/config, or the pod’s service account)',
    )
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', 'namespace (default: the context’s)');
}

export interface Connection {
  readonly kube: KubeClient;
  readonly namespace: string;
}

/** The Kubernetes client is imported here, not at the top: offline commands must not pay for it. */
export async function connect(flags: ConnectionFlags): Promise<Connection> {
  const { createKubeClient } = await import('../kube/client.ts');
  const kube = createKubeClient({
    ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }),
    ...(flags.context === undefined ? {} : { context: flags.context }),
  });
  return { kube, namespace: flags.namespace ?? kube.namespace };
}

export function parseOutput<T extends string>(value: string | undefined, allowed: readonly T[]): T | undefined {
  if (value === undefined) return undefined;
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) {
    throw new SerinError('SERIN_E_USAGE', `--output ${value} is not known. Use one of: ${allowed.join(', ')}.`);
  }
  return found;
}

/** For options that may be repeated. */
export const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

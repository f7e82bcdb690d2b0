/**
 * Two requests that only schedulers and kubelets make: giving a pod a node, and deleting it with grace period 0. Not part of
 * the `KubeClient` port, because Serin itself never does either.
 */
import type { ObjectRef } from '../../api/meta.ts';
import { SerinError } from '../../errors.ts';
import { objectPath } from '../../kube/paths.ts';
import type { Transport } from '../../kube/transport.ts';

export interface NodeApi {
  /** Does nothing when the pod has a node already, or is gone. */
  bind(pod: ObjectRef, nodeName: string, signal: AbortSignal): Promise<void>;
  /** The last act of a kubelet: the pod is deleted at once, if it still has this uid. */
  finalise(pod: ObjectRef, uid: string, signal: AbortSignal): Promise<void>;
}

export function createNodeApi(transport: Transport): NodeApi {
  const send = async (method: 'POST' | 'DELETE', path: string, body: unknown, signal: AbortSignal): Promise<void> => {
    const answer = await transport.request({
      method,
      path,
      body: JSON.stringify(body),
      contentType: 'application/json',
      timeoutMs: 10_000,
      signal,
    });
    answer.resume();
    const status = answer.statusCode ?? 0;
    // 404 and 409: it is gone, has a node, or is another pod of the same name.
    if (status < 300 || status === 404 || status === 409) return;
    throw new SerinError(
      'SERIN_E_KUBERNETES',
      `The API server answered ${status} to ${method} ${path}. It is tried again.`,
    );
  };
  return {
    bind: (pod, nodeName, signal) => {
      const { name, namespace } = pod;
      const target = { apiVersion: 'v1', kind: 'Node', name: nodeName };
      const binding = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace }, target };
      return send('POST', objectPath(pod, 'binding'), binding, signal);
    },
    finalise: (pod, uid, signal) => {
      const options = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid } };
      return send('DELETE', objectPath(pod), options, signal);
    },
  };
}

/**
 * The last act of a kubelet: a DELETE with grace period 0. Not part of the `KubeClient` port, because Serin itself never
 * cuts a pod's grace short.
 */
import type { ObjectRef } from '../../api/meta.ts';
import { objectPath } from '../../kube/paths.ts';
import type { Transport } from '../../kube/transport.ts';
import { SerinError } from '../../errors.ts';

export function createFinaliser(
  transport: Transport,
): (ref: ObjectRef, uid: string, signal: AbortSignal) => Promise<void> {
  return async (ref, uid, signal) => {
    const options = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions: { uid } };
    const answer = await transport.request({
      method: 'DELETE',
      path: objectPath(ref),
      body: JSON.stringify(options),
      contentType: 'application/json',
      timeoutMs: 10_000,
      signal,
    });
    answer.resume();
    const status = answer.statusCode ?? 0;
    // 404 and 409: this pod is gone already, perhaps followed by another of the same name.
    if (status < 300 || status === 404 || status === 409) return;
    throw new SerinError(
      'SERIN_E_KUBERNETES',
      `The API server answered ${status} to the end of Pod ${ref.name}. It is tried again.`,
    );
  };
}

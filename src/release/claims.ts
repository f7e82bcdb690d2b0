/** Two Releases that steer the same workload or route: the older one goes on, the other is told. The same answer in every process. */
import type { Finding } from '../api/meta.ts';
import type { Release, ReleaseSpec } from '../api/release.ts';

type Claimant = Pick<Release, 'metadata' | 'spec'>;

/** The conflict that this Release loses, if any. `others` may include the Release itself. */
export function conflictOf(release: Claimant, others: readonly Claimant[]): Finding | undefined {
  for (const other of others) {
    if (other.metadata.uid === release.metadata.uid || other.metadata.namespace !== release.metadata.namespace)
      continue;
    if (!cameFirst(other, release)) continue;
    const shared = sharedClaim(release.spec, other.spec);
    if (shared === undefined) continue;
    return {
      reason: 'TargetConflict',
      message: `${shared} is already steered by the older Release ${other.metadata.namespace}/${other.metadata.name}. Delete one of the two, or let them name different objects.`,
    };
  }
  return undefined;
}

/** By creation, then by uid: clocks of API servers have whole seconds. */
function cameFirst(one: Claimant, other: Claimant): boolean {
  const [a, b] = [one, other].map(({ metadata }) => `${metadata.creationTimestamp ?? ''} ${metadata.uid}`);
  return (a ?? '') < (b ?? '');
}

function deploymentsOf({ workload }: ReleaseSpec): readonly string[] {
  return [...(workload.pair?.members ?? []), ...(workload.deployment === undefined ? [] : [workload.deployment.name])];
}

const servicesOf = ({ traffic, strategy }: ReleaseSpec): readonly string[] =>
  [traffic?.service?.name, strategy?.blueGreen?.preview].filter((name) => name !== undefined);

function sharedClaim(one: ReleaseSpec, other: ReleaseSpec): string | undefined {
  const theirDeployments = deploymentsOf(other);
  const member = deploymentsOf(one).find((name) => theirDeployments.includes(name));
  if (member !== undefined) return `Deployment ${member}`;
  const [argo, theirArgo] = [one.workload.argoRollout?.name, other.workload.argoRollout?.name];
  if (argo !== undefined && argo === theirArgo) return `Rollout ${argo}`;
  const [kruise, theirKruise] = [one.workload.kruiseRollout?.name, other.workload.kruiseRollout?.name];
  if (kruise !== undefined && kruise === theirKruise) return `Rollout ${kruise}`;
  const theirServices = servicesOf(other);
  const service = servicesOf(one).find((name) => theirServices.includes(name));
  if (service !== undefined) return `Service ${service}`;
  const [mine, theirs] = [one.traffic?.istio?.virtualService, other.traffic?.istio?.virtualService];
  if (mine === undefined || theirs === undefined || mine.name !== theirs.name) return undefined;
  if (mine.routes === undefined || theirs.routes === undefined) return undefined;
  const route = mine.routes.find((name) => theirs.routes?.includes(name));
  return route === undefined ? undefined : `VirtualService ${mine.name}, route ${route},`;
}

/**
 * Names that were edited although something was taken under the old ones. The API server refuses that; one whose definitions are older
 * does not, and then the release goes on nowhere: it stays with what it took until that is given back.
 */
import type { Finding } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import { isGatedSpec } from '../release/gated/plan.ts';
import type { TargetDeps } from './targets.ts';

interface Parsed {
  readonly release: Release;
  readonly invalid?: Finding;
}

const EXCHANGED: Finding = {
  reason: 'InvalidSpec',
  message:
    'spec.traffic names other objects than those that hold something of this release, which is kept where it is. Put the former names back; to steer others, delete this Release, which gives everything back, and make another.',
};

/** The Release with the router, and the names, by which its routes were taken. */
export function asTaken({ routerThatTook }: Pick<TargetDeps, 'routerThatTook'>, parsed: Parsed): Parsed {
  const { release, invalid } = parsed;
  const { spec, status } = release;
  const router = routerThatTook(status?.taken);
  if (router === undefined || isGatedSpec(spec)) return parsed;
  const traffic = router.asTaken(spec.traffic, status?.taken?.traffic);
  if (traffic === spec.traffic) return parsed;
  const { traffic: _edited, ...rest } = spec;
  return {
    release: { ...release, spec: { ...rest, ...(traffic === undefined ? {} : { traffic }) } },
    invalid: invalid ?? EXCHANGED,
  };
}

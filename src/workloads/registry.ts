/** Which adapter reads a Release's workload: by the field that is present. */
import { isFields } from '../api/fields.ts';
import type { Finding } from '../api/meta.ts';
import type { ReleaseSpec } from '../api/release.ts';
import { argoRollout } from './argo-rollout.ts';
import { deployment } from './deployment.ts';
import { kruiseRollout } from './kruise-rollout.ts';
import { pair } from './pair.ts';
import type { WorkloadAdapter } from './port.ts';

export const workloadAdapters: Readonly<Partial<Record<WorkloadAdapter['name'], WorkloadAdapter>>> = {
  pair,
  deployment,
  argoRollout,
  kruiseRollout,
};

/** The adapter of `spec.workload`, or why there is none. */
export function workloadAdapterOf(spec: ReleaseSpec): WorkloadAdapter | Finding {
  const fields = isFields(spec.workload) ? Object.keys(spec.workload) : [];
  const adapters = Object.values(workloadAdapters).filter((adapter) => fields.includes(adapter.name));
  const [only] = adapters;
  if (only !== undefined && fields.length === 1) return only;
  return {
    reason: 'InvalidSpec',
    message: `spec.workload has ${fields.length === 0 ? 'no field' : `the fields ${fields.join(', ')}`}. Write exactly one of: ${Object.keys(workloadAdapters).join(', ')}.`,
  };
}

/**
 * A Service in front of one Deployment that is released in place: pods of both versions have every label that its author selects by, so
 * it is led to one of them by one key more, which is taken away again: stable by its `pod-template-hash`, the canary by its role.
 */
import { quote } from '../../api/units.ts';
import type { TrafficIntent } from '../../release/observed.ts';
import { CANARY_ROLE, ROLE_LABEL } from '../../workloads/deployment/marks.ts';
import { HASH_LABEL } from '../../workloads/deployment/replica-sets.ts';
import { hasLabels } from '../../workloads/selectors.ts';
import type { TrafficInput } from '../port.ts';
import { type Labels, type Switch, written } from './selector.ts';

/** What its author selects by: all but the keys that are Serin's. Where somebody emptied it, what he selected by before. */
function authored({ now, before }: Pick<Switch, 'now' | 'before'>): Labels {
  const isOwn = (key: string): boolean => (key === HASH_LABEL || key === ROLE_LABEL) && before[key] === undefined;
  const kept = Object.fromEntries(Object.entries(now).filter(([key]) => !isOwn(key)));
  return Object.keys(kept).length === 0 ? before : kept;
}

/** What it is to select. Nothing is added before it is remembered, and no hash that no pod has. */
export function ledInPlace({ taken, stable }: TrafficInput, each: Switch, intent: TrafficIntent): Labels {
  const base = authored(each);
  if (intent.kind === 'restore' || taken === undefined) return base;
  if (each.role === 'preview' || intent.canaryWeight >= 100) return { ...base, [ROLE_LABEL]: CANARY_ROLE };
  const hash = stable.ownLabel?.value;
  return intent.isOpen === true || hash === undefined ? base : { ...base, [HASH_LABEL]: hash };
}

export const weightInPlace = ({ now }: Pick<Switch, 'now'>): number => (now[ROLE_LABEL] === CANARY_ROLE ? 100 : 0);

export function problemInPlace({ stable, canary }: TrafficInput, each: Switch): string | undefined {
  const { role, field, name, before } = each;
  const where = `${field}: Service ${quote(name)}`;
  if (Object.keys(before).length === 0 && Object.keys(each.now).length === 0)
    return `${where} has no selector, so there is nothing to switch. Give it one that selects the pods of the Deployment.`;
  const reserved = [HASH_LABEL, ...(role === 'active' ? [ROLE_LABEL] : [])].find((key) => before[key] !== undefined);
  if (reserved !== undefined)
    return `${where} selects ${reserved}=${before[reserved] ?? ''}, the label by which Serin tells the two versions apart. Take it out; Serin adds it for the time of a release.`;
  const { [ROLE_LABEL]: _role, ...base } = authored(each);
  if (!hasLabels(stable.podLabels, base))
    return `${where} selects ${written(base)}, which does not find the pods of Deployment ${stable.workload}. Let it select labels of its pod template.`;
  if (canary === undefined || hasLabels(canary.podLabels, base)) return undefined;
  const lost = Object.keys(base).find((key) => canary.podLabels[key] !== base[key]) ?? '';
  return `${where} selects ${lost}=${base[lost] ?? ''}, which pods of the new template do not have (${lost}=${canary.podLabels[lost] ?? ''}). Select by labels that are the same in every version.`;
}

/**
 * The configuration of a Deployment released in place: what was seen is written down first, and decides from then on what the wanted revision
 * is, like a template that the user wrote.
 */
import { sameJson } from '../../api/fields.ts';
import type { Finding } from '../../api/meta.ts';
import type { ReleaseStatus } from '../../api/release.ts';
import { changedObjects } from '../changed-objects.ts';
import type { ConfigState } from '../observed.ts';
import { isUnderWay, type Rule, type Situation } from '../situation.ts';
import { draftOf, type StatusDraft, write } from '../transitions.ts';

type ConfigStatus = NonNullable<ReleaseStatus['config']>;

/** How soon a change is seen: nobody watches ConfigMaps and Secrets. */
export const CONFIG_LOOK_MS = 15_000;

/** What was seen for the first time is what pods have, and no release. */
export const noteConfig: Rule = (s) => {
  const { config } = s.observed;
  if (config?.kind !== 'config' || s.status.revision.stable === undefined) return undefined;
  const next = configNoted(s.status.config, config);
  if (sameJson(next, s.status.config)) return undefined;
  const draft: StatusDraft = { ...draftOf(s), config: next };
  const before = changedObjects(s.status.config);
  const isBack = before.length > 0 && changedObjects(next).length === 0 && !isUnderWay(s.status);
  const message = `${before.join(' and ')} ${verb(before, 'has', 'have')} the former content again. Nothing was restarted.`;
  return write(s, isBack ? { ...draft, message } : draft, 'configuration');
};

/** The part of the status at adoption: nothing is known of what pods read before. */
export function adoptedConfig({ observed }: Situation): Pick<StatusDraft, 'config'> {
  return observed.config?.kind === 'config' ? { config: settled(configNoted(undefined, observed.config)) } : {};
}

/** What users get started with the configuration as it is. */
export const settledConfig = ({ config }: StatusDraft): Pick<StatusDraft, 'config'> =>
  config === undefined ? {} : { config: settled(config) };

/** What keeps new pods from starting, or their configuration from being known. */
export const configFinding = ({ observed }: Situation): Finding | undefined =>
  observed.config?.kind === undefined ? observed.config : undefined;

/** `ConfigMap web-config`: what differs from what the stable version was let through with. Templates may differ besides. */
export function changedConfig({ spec, status }: Situation): readonly string[] {
  return spec.workload.deployment?.configDigest === true ? changedObjects(status.config) : [];
}

export const verb = (subjects: readonly string[], singular: string, plural: string): string =>
  subjects.length === 1 ? singular : plural;

function configNoted(before: ConfigStatus | undefined, { digest, objects }: ConfigState): ConfigStatus {
  const next = {
    baseline: before?.baseline ?? digest,
    digest,
    objects: objects.map((each) => {
      const { stable } = before?.objects.find(({ object }) => object === each.object) ?? {};
      return { ...each, ...(stable === undefined ? {} : { stable }) };
    }),
  };
  return before === undefined ? settled(next) : next;
}

const settled = (config: ConfigStatus): ConfigStatus => ({
  ...config,
  objects: config.objects.map((each) => ({ ...each, stable: each.digest })),
});

/**
 * Which Releases an object is about: an index over the Releases' specs, so that a storm of pods costs a look-up each.
 * It errs on the side of too many: an extra look is cheap, a missed one waits for the resync.
 */
import type { AnalysisRun } from '../api/analysis-run.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import { canaryNameOf } from '../release/in-place.ts';

/** `<namespace>/<name>` of a Release: the key of its reconcile job. */
export type ReleaseKey = string;

/** Names a kind of object in a namespace; an empty name stands for all of that kind. */
type Term = `${string} ${string}/${string}`;
const term = (kind: string, namespace: string, name: string): Term => `${kind} ${namespace}/${name}`;

export interface ReferenceIndex {
  put(release: KubeObject): void;
  remove(release: KubeObject): void;
  /** Releases that have to be looked at when this object changes; a Release's own change includes its rivals. */
  releasesOf(object: KubeObject): ReadonlySet<ReleaseKey>;
}

export const keyOfRelease = (object: KubeObject): ReleaseKey =>
  `${object.metadata.namespace ?? ''}/${object.metadata.name}`;

export function createReferenceIndex(): ReferenceIndex {
  const byTerm = new Map<Term, Set<ReleaseKey>>();
  const byRelease = new Map<ReleaseKey, readonly Term[]>();

  const remove = (release: KubeObject): void => {
    const key = keyOfRelease(release);
    for (const each of byRelease.get(key) ?? []) {
      const keys = byTerm.get(each);
      keys?.delete(key);
      if (keys?.size === 0) byTerm.delete(each);
    }
    byRelease.delete(key);
  };

  return {
    put: (release) => {
      remove(release);
      const key = keyOfRelease(release);
      const terms = termsOfSpec(release);
      byRelease.set(key, terms);
      for (const each of terms) byTerm.set(each, (byTerm.get(each) ?? new Set()).add(key));
    },
    remove,
    releasesOf: (object) => {
      const keys = new Set<ReleaseKey>();
      if (object.kind === 'Release') keys.add(keyOfRelease(object));
      if (object.kind === 'AnalysisRun') keys.add(releaseOfRun(object));
      // Another Release may claim the same workload or route: the loser has to notice when the winner goes.
      for (const each of object.kind === 'Release' ? rivalTerms(object) : termsOfObject(object))
        for (const key of byTerm.get(each) ?? []) keys.add(key);
      return keys;
    },
  };
}

/** What a Rollout of OpenKruise may be about, and what shows how far it is. */
const KRUISE_KINDS = [
  'Deployment',
  'ReplicaSet',
  'StatefulSet',
  'DaemonSet',
  'CloneSet',
  'ControllerRevision',
  'Pod',
  'TrafficRouting',
];

function rivalTerms(release: KubeObject): readonly Term[] {
  return termsOfSpec(release).filter((each) => /^(Deployment|Rollout|VirtualService|Service) /.test(each));
}

function releaseOfRun(run: KubeObject): ReleaseKey {
  const spec = (run as unknown as Partial<AnalysisRun>).spec; // see termsOfSpec
  return `${run.metadata.namespace ?? ''}/${spec?.release?.name ?? ''}`;
}

function termsOfSpec(object: KubeObject): readonly Term[] {
  const namespace = object.metadata.namespace ?? '';
  // The API server checked it against the schema, but an older schema may have let more through.
  const spec = (object as unknown as Partial<Release>).spec;
  const terms: Term[] = [];
  for (const member of spec?.workload?.pair?.members ?? []) terms.push(term('Deployment', namespace, member));
  const deployment = spec?.workload?.deployment?.name;
  if (deployment !== undefined) {
    // The pods of its canary are found by the canary's name.
    for (const each of [deployment, canaryNameOf(deployment)]) terms.push(term('Deployment', namespace, each));
  }
  const rollout = spec?.workload?.argoRollout?.name;
  if (rollout !== undefined) terms.push(term('Rollout', namespace, rollout));
  const kruise = spec?.workload?.kruiseRollout?.name;
  // Which workload it is about stands in the Rollout only.
  if (kruise !== undefined) {
    terms.push(term('Rollout', namespace, kruise));
    for (const kind of KRUISE_KINDS) terms.push(term(kind, namespace, ''));
  }
  const istio = spec?.traffic?.istio;
  if (istio !== undefined) {
    terms.push(term('VirtualService', namespace, istio.virtualService?.name ?? ''));
    terms.push(term('DestinationRule', namespace, istio.destinationRule?.name ?? ''));
  }
  const { blueGreen } = spec?.strategy ?? {};
  for (const name of [spec?.traffic?.service?.name, blueGreen?.preview])
    if (name !== undefined) terms.push(term('Service', namespace, name));
  const recreate = spec?.strategy?.recreate?.analysis;
  const phases = [spec?.analysis, blueGreen?.analysis?.before, blueGreen?.analysis?.after, recreate?.after];
  for (const template of phases.flatMap((analysis) => analysis?.templates ?? [])) {
    const isCluster = template.clusterScope === true;
    terms.push(
      term(isCluster ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate', isCluster ? '' : namespace, template.name),
    );
  }
  if (phases.some((analysis) => analysis !== undefined)) terms.push(term('MetricQuery', '', ''));
  return terms;
}

function termsOfObject(object: KubeObject): readonly Term[] {
  const { kind, metadata } = object;
  const namespace = metadata.namespace ?? '';
  switch (kind) {
    case 'Pod':
    case 'ReplicaSet': {
      const owner = deploymentOf(object);
      const named =
        owner === undefined ? [] : [term('Deployment', namespace, owner), term('Rollout', namespace, owner)];
      return [...named, term(kind, namespace, '')];
    }
    case 'HorizontalPodAutoscaler': {
      const target = (object['spec'] as { scaleTargetRef?: { kind?: string; name?: string } } | undefined)
        ?.scaleTargetRef;
      return [term(target?.kind ?? '', namespace, target?.name ?? '')];
    }
    case 'AnalysisRun':
      return [];
    case 'MetricQuery':
      // Rare; which templates use it is not worth an index.
      return [term(kind, '', '')];
    default:
      // Named references, and those that leave the name to be found out.
      return [term(kind, namespace, metadata.name), term(kind, namespace, '')];
  }
}

/** The Deployment or Rollout of a pod or ReplicaSet, by its owner's name: ReplicaSets are called `<deployment>-<template hash>`. */
export function deploymentOf(object: KubeObject): string | undefined {
  const owner = object.metadata.ownerReferences?.find((each) => each.controller === true);
  if (owner?.kind === 'Deployment' || owner?.kind === 'Rollout') return owner.name;
  if (owner?.kind !== 'ReplicaSet') return undefined;
  const hash = object.metadata.labels?.['pod-template-hash'];
  if (hash !== undefined && owner.name.endsWith(`-${hash}`)) return owner.name.slice(0, -hash.length - 1);
  return owner.name.replace(/-[a-z0-9]+$/, '');
}

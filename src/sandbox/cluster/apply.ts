/** `kubectl apply`, small: server-side apply of manifests, definitions first and waited for. */
import { parseAllDocuments } from 'yaml';
import { type KubeObject, type ResourceType, TYPES } from '../../api/meta.ts';
import type { Clock } from '../../clock.ts';
import { SerinError } from '../../errors.ts';
import type { KubeClient } from '../../kube/port.ts';
import { SANDBOX_TYPES } from '../types.ts';
import { DEFINITION } from './definitions.ts';

const KNOWN: readonly ResourceType[] = [
  ...Object.values(TYPES),
  ...Object.values(SANDBOX_TYPES),
  DEFINITION,
  { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
  { group: '', version: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true },
];

export interface Applier {
  /** YAML of any number of documents, or objects. Returns the objects as the API server has them now. */
  (manifests: string | readonly KubeObject[]): Promise<readonly KubeObject[]>;
}

export function createApplier(kube: KubeClient, clock: Clock, signal: AbortSignal): Applier {
  const types = new Map<string, ResourceType>();
  for (const type of KNOWN) types.set(keyOf(type.group, type.kind), type);
  const learn = (definition: KubeObject): void => {
    const spec = definition['spec'] as DefinitionSpec; // applied a moment ago, so the API server took it
    for (const { name, storage } of spec.versions) {
      if (!storage) continue;
      const { kind, plural } = spec.names;
      types.set(keyOf(spec.group, kind), {
        group: spec.group,
        version: name,
        kind,
        plural,
        namespaced: spec.scope === 'Namespaced',
      });
    }
  };
  return async (manifests) => {
    const objects = typeof manifests === 'string' ? parseManifests(manifests) : manifests;
    const ordered = [...objects].toSorted((a, b) => rank(a) - rank(b));
    const applied: KubeObject[] = [];
    for (const object of ordered) {
      const type = typeOf(types, object);
      const namespace = type.namespaced ? (object.metadata.namespace ?? 'default') : undefined;
      const target = { type, name: object.metadata.name, ...(namespace === undefined ? {} : { namespace }) };
      const whole = namespace === undefined ? object : { ...object, metadata: { ...object.metadata, namespace } };
      applied.push(
        await kube.patch({ kind: 'apply', target, object: whole, fieldManager: 'sandbox', force: true }, signal),
      );
      if (object.kind === DEFINITION.kind) {
        learn(object);
        await established(kube, clock, typeOfDefinition(types, object), signal);
      }
    }
    return applied;
  };
}

interface DefinitionSpec {
  readonly group: string;
  readonly scope: string;
  readonly names: { readonly kind: string; readonly plural: string };
  readonly versions: readonly { readonly name: string; readonly storage: boolean }[];
}

const keyOf = (group: string, kind: string): string => `${group}/${kind}`;

function parseManifests(yaml: string): readonly KubeObject[] {
  return parseAllDocuments(yaml).flatMap((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) {
      throw new SerinError('SERIN_E_INVALID_SPEC', `The manifest is not YAML: ${problem.message}. Correct that line.`);
    }
    const object: unknown = document.toJS();
    return object === null || object === undefined ? [] : [object as KubeObject]; // checked by the API server
  });
}

function rank({ kind }: KubeObject): number {
  return kind === DEFINITION.kind ? 0 : kind === 'Namespace' ? 1 : 2;
}

function typeOf(types: ReadonlyMap<string, ResourceType>, { apiVersion, kind, metadata }: KubeObject): ResourceType {
  const slash = apiVersion.indexOf('/');
  const type = types.get(keyOf(slash === -1 ? '' : apiVersion.slice(0, slash), kind));
  if (type === undefined) {
    throw new SerinError(
      'SERIN_E_INVALID_SPEC',
      `${kind} ${metadata.name} is of ${apiVersion}, which the sandbox does not know. Apply its definition first.`,
    );
  }
  return { ...type, version: apiVersion.slice(slash + 1) };
}

function typeOfDefinition(types: ReadonlyMap<string, ResourceType>, definition: KubeObject): ResourceType {
  const spec = definition['spec'] as DefinitionSpec; // as above
  const type = types.get(keyOf(spec.group, spec.names.kind));
  if (type === undefined)
    throw new SerinError('SERIN_E_INVALID_SPEC', `${definition.metadata.name} stores no version. Mark one.`);
  return type;
}

async function established(kube: KubeClient, clock: Clock, type: ResourceType, signal: AbortSignal): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    try {
      await kube.list(type, {}, signal);
      return;
    } catch (thrown) {
      if (!(thrown instanceof SerinError && thrown.code === 'SERIN_E_NOT_FOUND')) throw thrown;
      await clock.sleep(50, signal);
    }
  }
}

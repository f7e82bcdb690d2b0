/** All resources that the server serves now. Custom resources come and go with their definitions. */
import type { Resource } from './resource.ts';

export class Registry {
  readonly #resources = new Map<string, Resource>();
  #order: readonly Resource[] | undefined;

  add(resource: Resource): void {
    this.#resources.set(keyOf(resource.group, resource.version, resource.plural), resource);
    this.#order = undefined;
  }

  remove(resource: Resource): void {
    this.#resources.delete(keyOf(resource.group, resource.version, resource.plural));
    this.#order = undefined;
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.#resources.get(keyOf(group, version, plural));
  }

  /** Any served version of the resource that has this kind. */
  findKind(apiVersion: string, kind: string): Resource | undefined {
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/', 2) : ['', apiVersion];
    return this.all().find(
      (resource) => resource.kind === kind && resource.group === group && resource.version === version,
    );
  }

  all(): readonly Resource[] {
    this.#order ??= [...this.#resources.values()];
    return this.#order;
  }

  /** One resource per storage: what exists, regardless of versions. */
  stored(): readonly Resource[] {
    return [...new Map(this.all().map((resource) => [resource.storage, resource])).values()];
  }
}

const keyOf = (group: string, version: string, plural: string): string => `${group}/${version}/${plural}`;

/** A set of field paths, as managedFields holds it: each node says whether the path itself is in the set, and what is below. */
import { isObject, type JsonObject } from '../json.ts';
import { namesField, type Schema } from '../schema/schema.ts';
import { atomOf } from './atom.ts';
import { type PathElement, readable } from './path-element.ts';

export class FieldSet {
  readonly members: Set<PathElement>;
  readonly children: Map<PathElement, FieldSet>;

  constructor(members: Iterable<PathElement> = [], children: Iterable<readonly [PathElement, FieldSet]> = []) {
    this.members = new Set(members);
    this.children = new Map(children);
  }

  get empty(): boolean {
    return this.members.size === 0 && [...this.children.values()].every((child) => child.empty);
  }

  insert(path: readonly PathElement[]): void {
    const [first, ...rest] = path;
    if (first === undefined) return;
    if (rest.length === 0) {
      this.members.add(first);
      return;
    }
    let child = this.children.get(first);
    if (child === undefined) {
      child = new FieldSet();
      this.children.set(first, child);
    }
    child.insert(rest);
  }

  has(path: readonly PathElement[]): boolean {
    const [first, ...rest] = path;
    if (first === undefined) return false;
    return rest.length === 0 ? this.members.has(first) : (this.children.get(first)?.has(rest) ?? false);
  }

  below(element: PathElement): FieldSet {
    return this.children.get(element) ?? new FieldSet();
  }

  union(other: FieldSet): FieldSet {
    const result = new FieldSet([...this.members, ...other.members], this.children);
    for (const [element, child] of other.children) {
      const mine = result.children.get(element);
      result.children.set(element, mine === undefined ? child : mine.union(child));
    }
    return result;
  }

  intersection(other: FieldSet): FieldSet {
    const result = new FieldSet([...this.members].filter((element) => other.members.has(element)));
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      if (theirs !== undefined) result.#keep(element, child.intersection(theirs));
    }
    return result;
  }

  /** Paths of this set that are not in the other; a path stays when only its parent is in the other. */
  difference(other: FieldSet): FieldSet {
    const result = new FieldSet([...this.members].filter((element) => !other.members.has(element)));
    for (const [element, child] of this.children) {
      const theirs = other.children.get(element);
      result.#keep(element, theirs === undefined ? child : child.difference(theirs));
    }
    return result;
  }

  /** Like `difference`, but a path in the other takes everything below it away too. */
  withoutTrees(other: FieldSet): FieldSet {
    const result = new FieldSet([...this.members].filter((element) => !other.members.has(element)));
    for (const [element, child] of this.children) {
      if (other.members.has(element)) continue;
      const theirs = other.children.get(element);
      result.#keep(element, theirs === undefined ? child : child.withoutTrees(theirs));
    }
    return result;
  }

  /** Only what lies at or below the paths of the other. */
  onlyTrees(other: FieldSet): FieldSet {
    const result = new FieldSet([...this.members].filter((element) => other.members.has(element)));
    for (const [element, child] of this.children) {
      if (other.members.has(element)) result.#keep(element, child);
      else result.#keep(element, child.onlyTrees(other.below(element)));
    }
    return result;
  }

  /** Adds the struct fields above each path: a set of `a.b.c` also holds `a` when the schema names it, but not map keys. */
  withNamedFields(schema: Schema | undefined): FieldSet {
    const result = new FieldSet(this.members);
    const atom = atomOf(schema, undefined);
    for (const [element, child] of this.children) {
      const name = element.slice(2);
      const isField = element.startsWith('f:');
      if (isField && namesField(schema, name)) result.members.add(element);
      const below = isField
        ? (schema?.properties?.[name] ?? mapValues(schema))
        : atom.kind === 'list'
          ? atom.items
          : undefined;
      result.children.set(element, child.withNamedFields(below));
    }
    return result;
  }

  /** Every path, in the order of the tree. */
  paths(prefix: readonly PathElement[] = []): PathElement[][] {
    const found = [...this.members].map((element) => [...prefix, element]);
    for (const [element, child] of this.children) found.push(...child.paths([...prefix, element]));
    return found;
  }

  #keep(element: PathElement, child: FieldSet): void {
    if (!child.empty) this.children.set(element, child);
  }

  toFieldsV1(): JsonObject {
    const result: JsonObject = {};
    const elements = new Set([...this.members, ...this.children.keys()]);
    for (const element of [...elements].sort()) {
      const child = this.children.get(element);
      const below = child === undefined || child.empty ? undefined : child.toFieldsV1();
      if (below === undefined) {
        if (this.members.has(element)) result[element] = {};
      } else result[element] = this.members.has(element) ? { '.': {}, ...below } : below;
    }
    return result;
  }

  static fromFieldsV1(fields: JsonObject): FieldSet {
    const result = new FieldSet();
    for (const [element, value] of Object.entries(fields)) {
      if (element === '.' || !isObject(value)) continue;
      const keys = Object.keys(value);
      if (keys.length === 0 || keys.includes('.')) result.members.add(element);
      if (keys.some((key) => key !== '.')) result.children.set(element, FieldSet.fromFieldsV1(value));
    }
    return result;
  }

  static of(...paths: readonly (readonly PathElement[])[]): FieldSet {
    const result = new FieldSet();
    for (const path of paths) result.insert(path);
    return result;
  }
}

function mapValues(schema: Schema | undefined): Schema | undefined {
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

export const readablePath = (path: readonly PathElement[]): string => path.map(readable).join('');

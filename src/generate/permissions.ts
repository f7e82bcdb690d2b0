/** The permission table as RBAC rules: one rule for each resource, verbs joined, with the reasons as comments. */
import type { ResourceNeed, Verb } from '../api/meta.ts';

export interface Rule {
  readonly apiGroup: string;
  readonly resource: string;
  readonly verbs: readonly Verb[];
  readonly because: readonly string[];
}

const ORDER: readonly Verb[] = ['get', 'list', 'watch', 'create', 'patch', 'delete'];

/** One rule per (group, resource), sorted; verbs in kubectl's order. */
export function rulesOf(needs: readonly ResourceNeed[]): readonly Rule[] {
  const rules = new Map<string, Rule>();
  for (const { type, subresource, verbs, because } of needs) {
    const resource = subresource === undefined ? type.plural : `${type.plural}/${subresource}`;
    const key = `${type.group}/${resource}`;
    const before = rules.get(key);
    rules.set(key, {
      apiGroup: type.group,
      resource,
      verbs: ORDER.filter((verb) => verbs.includes(verb) || before?.verbs.includes(verb)),
      because: [...new Set([...(before?.because ?? []), because])],
    });
  }
  return [...rules.entries()].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, rule]) => rule);
}

const READING: ReadonlySet<Verb> = new Set(['get', 'list', 'watch']);

/** The part of the needs that changes nothing, or the part that does; what is read on demand goes with the latter. */
export function needsTo(what: 'read' | 'write', needs: readonly ResourceNeed[]): readonly ResourceNeed[] {
  return needs.flatMap((need) => {
    if (need.isOptIn === true) return [];
    const isRead = (verb: Verb): boolean => READING.has(verb) && need.isOnDemand !== true;
    const verbs = need.verbs.filter((verb) => isRead(verb) === (what === 'read'));
    return verbs.length === 0 ? [] : [{ ...need, verbs }];
  });
}

/** YAML with a comment above each rule. */
export function renderRules(rules: readonly Rule[], indent: string): string {
  return rules
    .map(({ apiGroup, resource, verbs, because }) => {
      const reason = because.map((text) => `${indent}# ${text}`).join('\n');
      return `${reason}\n${indent}- {apiGroups: [${JSON.stringify(apiGroup)}], resources: [${resource}], verbs: [${verbs.join(', ')}]}`;
    })
    .join('\n');
}

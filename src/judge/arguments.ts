/** Arguments of templates: `{{args.name}}` anywhere in any string, as in Argo Rollouts. */
import type { Finding } from '../api/meta.ts';
import type { Arguments } from './argo/compose.ts';

const PLACEHOLDER = /\{\{\s*([^{}]{0,300}?)\s*\}\}/g;
const ARGUMENT = /^args\.([A-Za-z0-9_](?:[-A-Za-z0-9._]*[A-Za-z0-9_])?)$/;

/**
 * The value with every placeholder replaced in its strings. A placeholder that names no argument is a Finding; one that names a secret
 * stays as it is. Values are put in as text and never read again.
 */
export function substitute<T>(value: T, { values, secrets }: Arguments, where: string): T | Finding {
  const args = new Map<string, string | undefined>(values.map(({ name, value: text }) => [name, text]));
  const kept = new Set(secrets.map(({ name }) => name));
  const missing: Finding[] = [];
  const replace = (text: string): string =>
    text.replace(PLACEHOLDER, (whole, inner: string) => {
      const name = ARGUMENT.exec(inner)?.[1];
      const known = name === undefined ? undefined : args.get(name);
      if (known !== undefined) return known;
      if (name === undefined || !kept.has(name)) missing.push(explain(whole, name, [...args.keys(), ...kept], where));
      return name === undefined ? whole : `{{args.${name}}}`;
    });
  // The walk keeps the shape, only strings change.
  const replaced = walk(value, replace) as T;
  return missing[0] ?? replaced;
}

/** The names of the secrets that are used anywhere in a value. */
export function secretsIn(value: unknown, { secrets }: Arguments): Arguments['secrets'] {
  const text = JSON.stringify(value) ?? '';
  return secrets.filter(({ name }) => text.includes(`{{args.${name}}}`));
}

function explain(placeholder: string, name: string | undefined, known: readonly string[], where: string): Finding {
  const list = known.join(', ') || 'none';
  if (name === undefined) {
    return {
      reason: 'InvalidSpec',
      message: `${where} contains ${placeholder.slice(0, 80)}, which names no argument. Write {{args.name}}; arguments here: ${list}.`,
    };
  }
  return {
    reason: 'InvalidSpec',
    message: `${where} uses {{args.${name}}}, which has no value: declare it in the template's spec.args; arguments here: ${list}.`,
  };
}

function walk(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((item) => walk(item, replace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, replace)]));
}

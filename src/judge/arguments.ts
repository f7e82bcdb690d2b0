/** Arguments of templates: `{{args.name}}` anywhere in any string, as in Argo Rollouts. */
import type { AnalysisTemplateSpec, Argument } from '../api/analysis-template.ts';
import type { Finding } from '../api/meta.ts';

const PLACEHOLDER = /\{\{\s*([^{}]{0,200}?)\s*\}\}/g;
const ARGUMENT = /^args\.([a-z0-9]([-a-z0-9.]*[a-z0-9])?)$/;

/**
 * The template with every placeholder replaced. Later lists of `values` win over earlier ones; an argument that has a name but no
 * value anywhere, or a placeholder that names none, is a Finding. Values are put in as text and never read again.
 */
export function substitute(
  template: AnalysisTemplateSpec,
  values: readonly (readonly Argument[])[],
  where: string,
): AnalysisTemplateSpec | Finding {
  const args = new Map<string, string | undefined>();
  for (const { name, value } of values.flat()) args.set(name, value ?? args.get(name));
  const missing: Finding[] = [];
  const replace = (text: string): string =>
    text.replace(PLACEHOLDER, (whole, inner: string) => {
      const name = ARGUMENT.exec(inner)?.[1];
      const value = name === undefined ? undefined : args.get(name);
      if (value !== undefined) return value;
      missing.push(explain(whole, name, args, where));
      return whole;
    });
  // The walk keeps the shape, only strings change.
  const replaced = walk(template, replace) as AnalysisTemplateSpec;
  return missing[0] ?? replaced;
}

function explain(
  placeholder: string,
  name: string | undefined,
  args: ReadonlyMap<string, string | undefined>,
  where: string,
): Finding {
  const known = [...args.keys()].join(', ') || 'none';
  if (name === undefined) {
    return {
      reason: 'InvalidSpec',
      message: `${where} contains ${placeholder.slice(0, 80)}, which names no argument. Write {{args.name}}; arguments here: ${known}.`,
    };
  }
  const fix = args.has(name)
    ? `give it a value in the Release's spec.analysis.args or a default in the template's spec.args`
    : `declare it in the template's spec.args; arguments here: ${known}`;
  return { reason: 'InvalidSpec', message: `${where} uses {{args.${name}}}, which has no value: ${fix}.` };
}

function walk(value: unknown, replace: (text: string) => string): unknown {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((item) => walk(item, replace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, replace)]));
}

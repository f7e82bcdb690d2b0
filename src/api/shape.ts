/** Values against the schemas, in sentences: for servers whose CRDs are older than this program, and for files on disk. */
import type { TSchema } from 'typebox';
import { Errors } from 'typebox/value';
import { listAt, numberAt, stringAt } from './fields.ts';
import type { Finding } from './meta.ts';
import { quote } from './units.ts';

const MOST_FINDINGS = 8;

/** What does not fit the schema, one finding for each place; at most eight, because one mistake often breaks many rules. */
export function shapeFindings(schema: TSchema, value: unknown, path: string): readonly Finding[] {
  const seen = new Set<string>();
  const findings: Finding[] = [];
  for (const error of Errors(schema, value)) {
    const here = pathOf(path, error.instancePath);
    if (seen.has(here) || error.keyword === 'additionalProperties') continue;
    seen.add(here);
    findings.push({
      reason: 'InvalidSpec',
      message: sentence(
        error.keyword,
        error.params,
        here,
        valueAt(value, error.instancePath),
        patternAt(schema, error.schemaPath),
      ),
    });
    if (findings.length === MOST_FINDINGS) break;
  }
  return findings;
}

/** `/metrics/0/name` below `spec` → `spec.metrics[0].name`. */
function pathOf(path: string, pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => (/^\d+$/.test(key) ? `[${key}]` : `.${key.slice(0, 60).replaceAll('~1', '/').replaceAll('~0', '~')}`))
    .reduce((whole, part) => whole + part, path);
}

function valueAt(value: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>(
      (here, key) => (typeof here === 'object' && here !== null ? Reflect.get(here, key) : undefined),
      value,
    );
}

/** How text has to be spelled there; `undefined`: as one likes. */
const patternAt = (schema: TSchema, pointer: string): string | undefined =>
  stringAt(valueAt(schema, pointer), 'pattern');

/** Spellings that the kinds ask for, where what was written gives no hint. */
const SPELLINGS = ['30s', '5%', '0.05pp', '50%', '12:00', 'https://example.com'] as const;

/** What could be meant, e.g. `15s` for 15 where a duration belongs, `my-app` for `My App`; `undefined`: nothing that is known fits. */
function exampleOf(pattern: string, value: unknown): string | undefined {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  return [...near(text), ...SPELLINGS].find((example) => new RegExp(pattern).test(example));
}

/** A number with the unit that it lacks, a name as names are spelled. */
function near(text: string): readonly string[] {
  if (/^[0-9.]+$/.test(text)) return [`${text}s`, `${text}%`];
  if (/^[0-9.]+%$/.test(text)) return [text.replace('%', 'pp')];
  if (!/^[A-Za-z]/.test(text)) return [];
  const name = text.toLowerCase().replaceAll(/[^a-z0-9.]+/g, '-');
  return [name.replace(/-$/, ''), text.replaceAll(/\W+/g, '_')];
}

function sentence(keyword: string, params: object, path: string, value: unknown, pattern: string | undefined): string {
  const example = pattern === undefined ? undefined : exampleOf(pattern, value);
  const limit = numberAt(params, 'limit');
  switch (keyword) {
    case 'required':
      return `${path} lacks ${listAt(params, 'requiredProperties').join(', ')}. Write it.`;
    case 'type':
      if (example !== undefined) return `${path} is ${quote(value)}. Write a string such as ${example}.`;
      return `${path} is ${quote(value)}. Write ${article(stringAt(params, 'type') ?? listAt(params, 'type').join(' or '))}.`;
    case 'enum':
      return `${path} is ${quote(value)}. Write one of ${listAt(params, 'allowedValues').join(', ')}.`;
    case 'pattern':
      if (example !== undefined)
        return `${path} is ${quote(value)}, which is not spelled right. Write e.g. ${example}.`;
      return `${path} is ${quote(value)}, which is not spelled right. Write what matches ${stringAt(params, 'pattern') ?? ''}.`;
    case 'format':
      return `${path} is ${quote(value)}. Write a ${stringAt(params, 'format') ?? ''} such as 2026-01-31T12:00:00Z.`;
    case 'minimum':
    case 'maximum':
      return `${path} is ${quote(value)}. Write a number ${keyword === 'minimum' ? 'of at least' : 'of at most'} ${limit}.`;
    case 'minLength':
      return limit === 1
        ? `${path} is empty. Write it, or leave it out.`
        : `${path} is too short. Write at least ${limit} characters.`;
    case 'maxLength':
      return `${path} is too long. Write at most ${limit} characters.`;
    case 'minItems':
    case 'maxItems':
      return `${path} has ${keyword === 'minItems' ? 'too few' : 'too many'} items. Write ${keyword === 'minItems' ? 'at least' : 'at most'} ${limit}.`;
    case 'maxProperties':
      return `${path} has too many entries. Write at most ${limit}.`;
    default:
      return `${path} does not fit (${keyword}). See \`kubectl explain\` for what it may be.`;
  }
}

/** `an AnalysisTemplate`, `a Release`. */
export const article = (type: string): string => (/^[aeiou]/i.test(type) ? `an ${type}` : `a ${type}`);

/** Label and field selectors, parsed once per request. A selector that cannot be read is 400, as on the real server. */
import { badRequest } from '../failure.ts';

interface Requirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt';
  readonly values: readonly string[];
}

export type LabelSelector = readonly Requirement[];

const KEY = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?`;
const SET_BASED = new RegExp(String.raw`^(${KEY})\s+(in|notin)\s*\(([^()]*)\)$`);
const COMPARISON = new RegExp(String.raw`^(${KEY})\s*(==|=|!=|>|<)\s*([^\s=!<>()]*)$`);
const PRESENCE = new RegExp(String.raw`^(!?)\s*(${KEY})$`);

export function parseLabelSelector(text: string): LabelSelector {
  return splitOutsideParentheses(text).map((part) => parseRequirement(part, text));
}

function parseRequirement(part: string, whole: string): Requirement {
  const setBased = SET_BASED.exec(part);
  if (setBased !== null) {
    const values = (setBased[3] ?? '').split(',').map((value) => value.trim());
    return { key: setBased[1] ?? '', operator: setBased[2] === 'in' ? 'in' : 'notin', values };
  }
  const comparison = COMPARISON.exec(part);
  if (comparison !== null) {
    const value = comparison[3] ?? '';
    const operator = ({ '=': 'in', '==': 'in', '!=': 'notin', '>': 'gt', '<': 'lt' } as const)[comparison[2] as '='];
    return { key: comparison[1] ?? '', operator, values: [value] };
  }
  const presence = PRESENCE.exec(part);
  if (presence !== null) {
    return { key: presence[2] ?? '', operator: presence[1] === '!' ? 'absent' : 'exists', values: [] };
  }
  const words = part.split(/\s+/);
  throw badRequest(
    `unable to parse requirement: found '${words[1] ?? words[0] ?? whole}', expected: in, notin, =, ==, !=, gt, lt`,
  );
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = '';
  for (const character of text) {
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    if (character === ',' && depth === 0) {
      parts.push(current.trim());
      current = '';
    } else current += character;
  }
  if (current.trim() !== '' || parts.length > 0) parts.push(current.trim());
  return parts;
}

export function matchesLabels(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return selector.every((requirement) => {
    const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
    switch (requirement.operator) {
      case 'in':
        return value !== undefined && requirement.values.includes(value);
      case 'notin':
        return value === undefined || !requirement.values.includes(value);
      case 'exists':
        return value !== undefined;
      case 'absent':
        return value === undefined;
      case 'gt':
        return value !== undefined && Number(value) > Number(requirement.values[0]);
      case 'lt':
        return value !== undefined && Number(value) < Number(requirement.values[0]);
    }
  });
}

export interface FieldRequirement {
  readonly field: string;
  readonly equals: boolean;
  readonly value: string;
}

export type FieldSelector = readonly FieldRequirement[];

/** `metadata.name=a,status.phase!=Running`; a backslash escapes `,`, `=` and itself. */
export function parseFieldSelector(text: string): FieldSelector {
  if (text === '') return [];
  return text.split(/(?<!\\),/).map((term) => {
    const match = /^([^=!]+)(==|=|!=)(.*)$/s.exec(term);
    if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    return {
      field: match[1] ?? '',
      equals: match[2] !== '!=',
      value: (match[3] ?? '').replaceAll(/\\([\\,=])/g, '$1'),
    };
  });
}

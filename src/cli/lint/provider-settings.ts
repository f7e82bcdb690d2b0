/** Settings of the providers that Serin asks, by the same readers as in a release: addresses, paths, methods and times. Pure. */
import { type Fields, isFields, stringAt } from '../../api/fields.ts';
import { quote } from '../../api/units.ts';
import { parsePath } from '../../providers/json-path.ts';

interface SettingProblem {
  /** Of the provider. */
  readonly field: string;
  /** Goes behind the field. */
  readonly message: string;
}

/** What every measurement would stumble over. Arguments may be anything, so a setting that is one is not judged. */
export function settingProblems(provider: string, settings: unknown): readonly SettingProblem[] {
  if (!isFields(settings)) return [];
  if (provider === 'web') return [...webProblems(settings), ...secondsProblem(settings, 'timeoutSeconds', 10)];
  if (provider !== 'prometheus') return [];
  return [
    ...addressProblem(settings, 'address', 'http://prometheus.monitoring:9090'),
    ...secondsProblem(settings, 'timeout', 30),
  ];
}

function webProblems(settings: Fields): readonly SettingProblem[] {
  const { method = 'GET', body, jsonBody } = settings;
  const found = [...addressProblem(settings, 'url', 'http://web-canary.shop/selftest')];
  const hasBody = (body !== undefined && body !== '') || jsonBody !== undefined;
  if (!isArgument(method) && method !== '' && method !== 'GET' && method !== 'POST' && method !== 'PUT')
    found.push({ field: 'method', message: `is ${quote(method)}. Write GET, POST or PUT.` });
  else if (hasBody && (method === 'GET' || method === ''))
    found.push({
      field: body === undefined || body === '' ? 'jsonBody' : 'body',
      message: 'is sent by no GET. Write method: POST or PUT.',
    });
  const path = stringAt(settings, 'jsonPath') ?? '';
  const read = path === '' || isArgument(path) ? undefined : parsePath(path);
  if (read?.kind === 'problem') found.push({ field: 'jsonPath', message: read.message.replace(/^jsonPath /, '') });
  return found;
}

/** `1` can stand in a host, a port and a path. */
const filled = (text: string): string => text.replace(/\{\{[^{}]*\}\}/g, '1');
const isArgument = (value: unknown): boolean => typeof value === 'string' && value.includes('{{');

function addressProblem(settings: Fields, field: string, example: string): readonly SettingProblem[] {
  const written = stringAt(settings, field) ?? '';
  if (written === '' || /^\s*\{\{/.test(written)) return [];
  const text = filled(written);
  if (/^https?:\/\/[^/]/.test(text) && URL.canParse(text)) return [];
  const fix = /^[\w.-]+(:\d+)?(\/|$)/.test(text) ? `Write http://${written}.` : `Write a URL such as ${example}.`;
  return [{ field, message: `is ${quote(written)}, which is no http:// or https:// URL. ${fix}` }];
}

/** Whole seconds from 1; text where an argument stood. */
function secondsProblem(settings: Fields, field: string, usual: number): readonly SettingProblem[] {
  const value = settings[field];
  if (value === undefined || value === null || isArgument(value)) return [];
  const seconds = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof seconds === 'number' && Number.isInteger(seconds) && seconds > 0) return [];
  return [{ field, message: `is ${quote(value)}. Write whole seconds from 1, or leave it out for ${usual}.` }];
}

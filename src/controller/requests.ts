/** What people ask for, read from a Release's annotations (api.md). */
import { ANNOTATIONS } from '../api/meta.ts';
import { quote } from '../api/units.ts';
import type { Release } from '../api/release.ts';
import type { Observed, PersonRequest } from '../release/observed.ts';

const VERBS: ReadonlySet<string> = new Set<PersonRequest['verb']>([
  'promote',
  'promote-full',
  'pause',
  'resume',
  'retry',
  'skip-step',
]);

/** A revision, sticky while the annotation stays. */
export function abortRevisionOf({ metadata }: Release): string | undefined {
  const revision = metadata.annotations?.[ANNOTATIONS.abort]?.trim();
  return revision === '' ? undefined : revision;
}

export function requestOf({ metadata }: Release): Observed['request'] {
  const text = metadata.annotations?.[ANNOTATIONS.request]?.trim();
  if (text === undefined || text === '') return undefined;
  const [verb = '', revision = '', id = '', ...more] = text.split('/');
  const actor = metadata.annotations?.[ANNOTATIONS.actor];
  if (!isVerb(verb) || revision === '' || id === '' || more.length > 0) {
    return {
      id: text,
      reason: 'RequestRefused',
      message: `The annotation ${ANNOTATIONS.request} is ${quote(text)}. Write <verb>/<revision>/<unique id>, with one of the verbs ${[...VERBS].join(', ')}.`,
    };
  }
  return { verb, revision, id, ...(actor === undefined ? {} : { actor }) };
}

function isVerb(text: string): text is PersonRequest['verb'] {
  return VERBS.has(text);
}

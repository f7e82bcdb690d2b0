/**
 * Copies of requests for the canary: `mirror` and `mirrorPercentage` of a steered route. An annotation of the VirtualService, written in
 * the same patch, says which routes' mirrors are Serin's; anybody else's is never touched, and a release that would need its place is refused.
 */
import { at, fieldsAt, type Fields, numberAt, sameJson, stringAt } from '../../api/fields.ts';
import type { JsonPatchOperation, KubeObject } from '../../api/meta.ts';
import { shortHash } from '../../release/revision.ts';
import type { Rule } from './rule.ts';

const ANNOTATION = 'serin.dev/mirrored';
const ANNOTATION_PATH = '/metadata/annotations/serin.dev~1mirrored';
/** All spellings under which a route may have one (Istio's deprecated ones included). */
const FIELDS = ['mirror', 'mirrors', 'mirrorPercentage', 'mirrorPercent', 'mirror_percent'] as const;

export interface MirrorWish {
  readonly rule: Rule;
  /** Where copies go, and of how many requests, percent; absent: none. */
  readonly wanted?: { readonly destination: unknown; readonly percent: number };
  /** Guards that the route is still the one that was read. */
  readonly guard: readonly JsonPatchOperation[];
}

function keysOf(virtualService: KubeObject): readonly string[] {
  const written = stringAt(virtualService, 'metadata', 'annotations', ANNOTATION) ?? '';
  return written.split(',').filter((key) => key !== '');
}

const keyOf = ({ key }: Pick<Rule, 'key'>): string => shortHash(key);

export const hasOurMirror = (virtualService: KubeObject, rule: Pick<Rule, 'key'>): boolean =>
  keysOf(virtualService).includes(keyOf(rule));

/** The user's own, which leaves no room for another. */
export const hasForeignMirror = (virtualService: KubeObject, rule: Rule): boolean =>
  FIELDS.some((field) => field in rule.raw) && !hasOurMirror(virtualService, rule);

/** The route without the mirror that is Serin's. */
export function withoutOurMirror(virtualService: KubeObject, rule: Rule): Fields {
  if (!hasOurMirror(virtualService, rule)) return rule.raw;
  const { mirror: _mirror, mirrorPercentage: _percentage, ...rest } = rule.raw;
  return rest;
}

const fieldsFor = ({ destination, percent }: NonNullable<MirrorWish['wanted']>): Fields => ({
  mirror: destination,
  mirrorPercentage: { value: percent },
});

/** The route with the mirror that is wanted. */
export function withMirror(virtualService: KubeObject, { rule, wanted }: Omit<MirrorWish, 'guard'>): Fields {
  if (hasForeignMirror(virtualService, rule)) return rule.raw;
  const rest = withoutOurMirror(virtualService, rule);
  return wanted === undefined ? rest : { ...rest, ...fieldsFor(wanted) };
}

/** `gone`: keys of routes that are not there any more, or not steered; their marks go too. */
export function mirrorOperations(
  virtualService: KubeObject,
  wishes: readonly MirrorWish[],
  gone: readonly string[],
): readonly JsonPatchOperation[] {
  const possible = wishes.filter(({ rule }) => !hasForeignMirror(virtualService, rule));
  const operations = possible.flatMap(({ rule, wanted, guard }) => {
    const path = `/spec/http/${rule.index}`;
    if (wanted === undefined) return hasOurMirror(virtualService, rule) ? removal(rule, path, guard) : [];
    const changes = Object.entries(fieldsFor(wanted)).flatMap(([field, value]): readonly JsonPatchOperation[] =>
      sameJson(rule.raw[field], value) ? [] : [{ op: 'add', path: `${path}/${field}`, value }],
    );
    return changes.length === 0 ? [] : [...guard, ...changes];
  });
  const mine = new Set([...wishes.map(({ rule }) => keyOf(rule)), ...gone.map((key) => keyOf({ key }))]);
  const kept = keysOf(virtualService).filter((key) => !mine.has(key));
  const added = possible.filter(({ wanted }) => wanted !== undefined).map(({ rule }) => keyOf(rule));
  return [...operations, ...annotationOperations(virtualService, [...new Set([...kept, ...added])].toSorted())];
}

function removal(rule: Rule, path: string, guard: readonly JsonPatchOperation[]): readonly JsonPatchOperation[] {
  const present = (['mirror', 'mirrorPercentage'] as const).filter((field) => field in rule.raw);
  if (present.length === 0) return [];
  return [...guard, ...present.map((field): JsonPatchOperation => ({ op: 'remove', path: `${path}/${field}` }))];
}

/** The mark goes with the last mirror, and the map with the mark where nothing else is in it. */
function annotationOperations(virtualService: KubeObject, keys: readonly string[]): readonly JsonPatchOperation[] {
  const annotations = fieldsAt(virtualService, 'metadata', 'annotations');
  const present = stringAt(annotations, ANNOTATION);
  const wanted = keys.length === 0 ? undefined : keys.join(',');
  if (present === wanted) return [];
  if (present !== undefined) {
    const guard: JsonPatchOperation = { op: 'test', path: ANNOTATION_PATH, value: present };
    if (wanted !== undefined) return [guard, { op: 'replace', path: ANNOTATION_PATH, value: wanted }];
    if (Object.keys(annotations).length > 1) return [guard, { op: 'remove', path: ANNOTATION_PATH }];
    return [
      { op: 'test', path: '/metadata/annotations', value: annotations },
      { op: 'remove', path: '/metadata/annotations' },
    ];
  }
  if (at(virtualService, 'metadata', 'annotations') === undefined) {
    // Whoever writes the first annotation at this very moment must not lose it.
    const { resourceVersion } = virtualService.metadata;
    return [
      { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
      { op: 'add', path: '/metadata/annotations', value: { [ANNOTATION]: wanted } },
    ];
  }
  return [{ op: 'add', path: ANNOTATION_PATH, value: wanted }];
}

/** What somebody changed of the copies, as a sentence would say it. */
export function mirrorDrift(
  virtualService: KubeObject,
  { rule, wanted }: Omit<MirrorWish, 'guard'>,
): string | undefined {
  const now =
    withoutOurMirror(virtualService, rule) === rule.raw ? undefined : numberAt(rule.raw, 'mirrorPercentage', 'value');
  if (wanted === undefined) return now === undefined ? undefined : `mirrors ${now} % of its requests`;
  if (sameJson(withMirror(virtualService, { rule, wanted }), rule.raw) && hasOurMirror(virtualService, rule))
    return undefined;
  return `does not mirror ${wanted.percent} % of its requests to the canary`;
}

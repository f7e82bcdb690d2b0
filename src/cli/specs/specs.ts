/** Specs of objects that stand in files, before Serin's own library. */
import { type Fields, isFields } from '../../api/fields.ts';
import { openLibrary } from '../lint/library.ts';
import type { SourceObject } from '../lint/source.ts';

/** By `Kind/name`, e.g. `MetricQuery/istio-requests`. */
export type Specs = Pick<ReadonlyMap<string, Fields>, 'get'>;

/** Of objects with one kind and name the last one is meant. */
export function specsOf(objects: readonly Pick<SourceObject, 'kind' | 'name' | 'value'>[]): Specs {
  const library = openLibrary();
  const own = new Map<string, Fields>(
    objects.flatMap(({ kind, name, value: { spec } }) => (isFields(spec) ? [[`${kind}/${name}`, spec]] : [])),
  );
  return { get: (key) => own.get(key) ?? library.get(key) };
}

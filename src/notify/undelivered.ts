/** Sinks whose last message did not go out, as `status.undelivered` says it: for people, and for alerts on a Secret that may not be read. */
import type { Finding, JsonPatchOperation } from '../api/meta.ts';
import type { Release, Undelivered } from '../api/release.ts';

/**
 * Operations on the status of a Release after a message to the sink at `sink` went out, or did not (`finding`); none where it says so
 * already, so that a sink that stays broken is one write. Guarded by the version that was read: whoever decides comes first.
 */
export function undeliveredOperations(
  { metadata, spec, status }: Release,
  sink: number,
  finding: Finding | undefined,
  now: string,
): readonly JsonPatchOperation[] {
  if (status === undefined) return [];
  const before = status.undelivered ?? [];
  const known = before.find((each) => each.sink === sink);
  if (finding === undefined ? known === undefined : isSame(known, finding)) return [];
  const others = before.filter((each) => each.sink !== sink && each.sink < (spec.notify?.length ?? 0));
  const value = [...others, ...(finding === undefined ? [] : [entryOf(sink, finding, known?.since ?? now)])];
  const guard: JsonPatchOperation = { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion };
  const path = '/status/undelivered';
  return [guard, value.length === 0 ? { op: 'remove', path } : { op: 'add', path, value }];
}

const entryOf = (sink: number, { reason, message }: Finding, since: string): Undelivered => ({
  sink,
  reason,
  message: message.slice(0, 1024),
  since,
});

const isSame = (known: Undelivered | undefined, { reason, message }: Finding): boolean =>
  known?.reason === reason && known.message === message.slice(0, 1024);

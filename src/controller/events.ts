/** Kubernetes Events about a Release: one for each transition, under a name made from its id, so that telling it twice is telling it once. */
import { API_VERSION, FIELD_MANAGERS, type KubeObject } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import { SerinError } from '../errors.ts';
import type { KubeWriter } from '../kube/port.ts';
import type { Announcement } from '../release/action.ts';
import { shortHash } from '../release/revision.ts';

/** Longest message the API server accepts in an Event. */
const MOST_CHARACTERS = 1024;

/** The Event of one announcement, as of `nowMs`. */
export function eventOf(release: Release, announcement: Announcement, nowMs: number, reporter: string): KubeObject {
  const { namespace, name, uid, resourceVersion } = release.metadata;
  const now = new Date(nowMs).toISOString();
  const seconds = now.replace(/\.\d+Z$/, 'Z');
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, 200)}.${shortHash(announcement.id)}`, namespace },
    involvedObject: { apiVersion: API_VERSION, kind: 'Release', namespace, name, uid, resourceVersion },
    type: announcement.severity,
    reason: announcement.reason,
    message: announcement.message.slice(0, MOST_CHARACTERS),
    action: announcement.what,
    count: 1,
    firstTimestamp: seconds,
    lastTimestamp: seconds,
    eventTime: now.replace(/Z$/, '000Z'),
    source: { component: 'serin' },
    reportingComponent: 'serin.dev/release',
    reportingInstance: reporter.slice(0, 128),
  };
}

/**
 * Writes it. An Event that is there already is fine, and so is a namespace that is going (answers `false`, as where Events are
 * forbidden). Throws what may be better at another time.
 */
export async function recordEvent(
  kube: Pick<KubeWriter, 'create'>,
  event: KubeObject,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await kube.create(event, FIELD_MANAGERS.children, signal);
    return true;
  } catch (thrown) {
    const code = thrown instanceof SerinError ? thrown.code : undefined;
    if (code === 'SERIN_E_CONFLICT') return true;
    if (code === 'SERIN_E_FORBIDDEN' || code === 'SERIN_E_NOT_FOUND' || code === 'SERIN_E_INVALID_SPEC') return false;
    throw thrown;
  }
}

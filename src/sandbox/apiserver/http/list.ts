/** GET of a collection: consistent, filtered, in pages. */
import { badRequest, expired, Failure, invalid } from '../failure.ts';
import { forbiddenField } from '../kinds/causes.ts';
import type { Resource } from '../kinds/resource.ts';
import type { Store, Version } from '../store/store.ts';
import type { Selection } from './select.ts';

export interface Page {
  readonly versions: readonly Version[];
  readonly revision: number;
  readonly continueToken: string | undefined;
  readonly remaining: number | undefined;
}

interface Token {
  readonly revision: number;
  readonly after: string;
}

export function listPage(
  store: Store,
  resource: Resource,
  namespace: string | undefined,
  selection: Selection,
  query: URLSearchParams,
): Page {
  const prefix = namespace === undefined ? '' : `${namespace}/`;
  const limit = Number(query.get('limit') ?? '0');
  if (!Number.isInteger(limit) || limit < 0) throw badRequest('limit must be a positive integer');
  const token = readToken(query.get('continue') ?? '');
  const asked = revisionOf(query);
  const match = query.get('resourceVersionMatch');
  if (token !== undefined && asked !== undefined && asked !== 0) {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  if (match !== null && match !== '' && asked === undefined) {
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions', name: '' }, [
      forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
    ]);
  }
  const exact = token?.revision ?? (match === 'Exact' ? asked : undefined);
  if (asked !== undefined && asked > store.revision) throw tooNew(asked, store.revision);
  if (exact !== undefined && exact !== store.revision && exact < store.compactedRevision) {
    throw expired(token === undefined ? 'The resourceVersion for the provided list is too old.' : TOKEN_TOO_OLD);
  }
  const all =
    exact === undefined || exact >= store.revision
      ? store.list(resource.storage, prefix)
      : store.listAt(resource.storage, prefix, exact);
  const revision = exact ?? store.revision;
  const found = all.filter(
    (version) => (token === undefined || version.key > token.after) && selection.matches(version.object),
  );
  if (limit === 0 || found.length <= limit) {
    return { versions: found, revision, continueToken: undefined, remaining: undefined };
  }
  const versions = found.slice(0, limit);
  const after = versions.at(-1)?.key ?? '';
  return {
    versions,
    revision,
    continueToken: Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: after })).toString(
      'base64url',
    ),
    remaining: selection.everything ? found.length - limit : undefined,
  };
}

const TOKEN_TOO_OLD =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

function readToken(text: string): Token | undefined {
  if (text === '') return undefined;
  try {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString()) as { rv?: unknown; start?: unknown };
    if (typeof value.rv === 'number' && typeof value.start === 'string')
      return { revision: value.rv, after: value.start };
  } catch {
    throw badRequest('invalid continue token: continue key is not valid');
  }
  throw badRequest('invalid continue token: continue key is not valid');
}

/** The resourceVersion of a list or watch; `undefined` when none is given, 0 for "whatever there is". */
export function revisionOf(query: URLSearchParams): number | undefined {
  const text = query.get('resourceVersion') ?? '';
  if (text === '') return undefined;
  if (!/^\d+$/.test(text)) {
    throw new Failure(
      400,
      'BadRequest',
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return Number(text);
}

/** A revision from the future: the client talks to a server that knows less than it does. */
function tooNew(asked: number, current: number): Failure {
  return new Failure(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

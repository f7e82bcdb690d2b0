/**
 * `serin promote|pause|resume|abort|retry|skip-step`: one annotation on the Release, the same that kubectl or a Git commit would write.
 * Asking again for what is already asked or already so changes nothing; asking for an older revision is refused.
 */
import type { Command } from 'commander';
import { randomUUID } from 'node:crypto';
import { userInfo } from 'node:os';
import { ANNOTATIONS, API_VERSION, TYPES, type KubeObject } from '../api/meta.ts';
import type { Phase, Release } from '../api/release.ts';
import { SerinError } from '../errors.ts';
import { connect, withConnection, type ConnectionFlags } from './connection.ts';

type Verb = 'promote' | 'promote-full' | 'pause' | 'resume' | 'retry' | 'skip-step' | 'abort';

interface ActFlags extends ConnectionFlags {
  readonly revision?: string;
  readonly full?: boolean;
  readonly dryRun?: boolean;
}

/** What a request comes to: annotations to write, or a sentence why nothing needs writing. */
export type Request =
  | { readonly kind: 'write'; readonly annotations: Readonly<Record<string, string>>; readonly says: string }
  | { readonly kind: 'already'; readonly says: string };

/** The service refuses every verb but retry, and promote to go back, in these. */
const OVER: ReadonlySet<Phase> = new Set<Phase>(['Idle', 'Promoted', 'Aborted']);

/**
 * Decides what to write for a verb. Throws `SERIN_E_REFUSED` when the Release has nothing the verb could mean,
 * or when `asked` names a revision that is not the current one.
 */
export function planRequest(
  release: Release,
  verb: Verb,
  asked: string | undefined,
  id: string,
  actor: string,
): Request {
  const where = `${release.metadata.namespace}/${release.metadata.name}`;
  const status = release.status;
  const rejected = status?.revision.rejected.at(-1);
  const previous = status?.revision.previousStable;
  // Going back: the revision that was stable before may be promoted when nothing is under way.
  const isGoingBack = verb.startsWith('promote') && asked !== undefined && asked === previous;
  const annotations = release.metadata.annotations ?? {};
  // An aborted revision stays in the status; only retry means it, and an abort that is asked for again.
  const isAskedAgain = verb === 'abort' && annotations[ANNOTATIONS.abort] === status?.revision.canary;
  const isOver = status !== undefined && OVER.has(status.phase) && verb !== 'retry' && !isAskedAgain;
  const canary = isOver ? undefined : status?.revision.canary;
  const current = canary ?? (verb === 'retry' ? rejected : isGoingBack ? previous : undefined);
  if (status === undefined || current === undefined) {
    const what = verb === 'retry' ? 'no revision that was rejected' : 'no release under way';
    throw new SerinError(
      'SERIN_E_REFUSED',
      `Release ${where} has ${what}${status?.phase === 'Aborted' ? ' (it was aborted)' : ''}, so there is nothing to ${verb}. See \`serin status ${release.metadata.name}\`.`,
    );
  }
  if (asked !== undefined && asked !== current) {
    throw new SerinError(
      'SERIN_E_REFUSED',
      `Release ${where} is at revision ${current}, not ${asked}. Leave --revision out to mean the current one.`,
    );
  }
  if (verb === 'abort') {
    if (status.pastReturn === true) {
      throw new SerinError(
        'SERIN_E_REFUSED',
        `Release ${where}: it is too late to abort ${current}; the Deployment has replaced most of its own pods by it, and what is left of the old ones could not take all requests. Write the former template to go back: it is not judged again.`,
      );
    }
    return annotations[ANNOTATIONS.abort] === current
      ? { kind: 'already', says: `${where}: abort of ${current} is already asked for` }
      : {
          kind: 'write',
          annotations: { [ANNOTATIONS.abort]: current, [ANNOTATIONS.actor]: actor },
          says: `${where}: abort of ${current} asked for`,
        };
  }
  if (verb === 'pause' && status.paused === true) return { kind: 'already', says: `${where} is already paused` };
  if (verb === 'resume' && status.paused !== true && status.phase !== 'Held' && status.step?.waitingFor !== 'person') {
    return { kind: 'already', says: `${where} is not paused` };
  }
  const pending = annotations[ANNOTATIONS.request]?.split('/');
  const isPending = pending?.[0] === verb && pending[1] === current && pending[2] !== status.handledRequest?.id;
  if (isPending) return { kind: 'already', says: `${where}: ${verb} of ${current} is already asked for` };
  // What is applied replaces what was applied before: an abort that nobody has seen yet must not go. A retry takes it back.
  const asksToAbort = annotations[ANNOTATIONS.abort];
  const sticky = verb === 'retry' || asksToAbort === undefined ? {} : { [ANNOTATIONS.abort]: asksToAbort };
  return {
    kind: 'write',
    annotations: { ...sticky, [ANNOTATIONS.request]: `${verb}/${current}/${id}`, [ANNOTATIONS.actor]: actor },
    says: `${where}: ${verb} of ${current} asked for`,
  };
}

async function act(verb: Verb, name: string, flags: ActFlags): Promise<void> {
  const { kube, namespace } = await connect(flags);
  const target = { type: TYPES.release, namespace, name };
  const found = await kube.get(target);
  if (found === undefined) {
    throw new SerinError(
      'SERIN_E_NOT_FOUND',
      `Release ${namespace}/${name} does not exist. See \`serin status -n ${namespace}\`.`,
    );
  }
  const release = found as unknown as Release; // parsed by the API server against the CRD
  const request = planRequest(release, verb, flags.revision, randomUUID().slice(0, 8), userInfo().username);
  if (request.kind === 'write' && flags.dryRun !== true) {
    const object: KubeObject = {
      apiVersion: API_VERSION,
      kind: 'Release',
      // The uid keeps this from creating a Release that was deleted meanwhile.
      metadata: {
        name,
        namespace,
        annotations: request.annotations,
        ...(release.metadata.uid === undefined ? {} : { uid: release.metadata.uid }),
      },
    };
    await kube.patch({ kind: 'apply', target, object, fieldManager: 'serin-cli', force: true });
  }
  process.stdout.write(`${request.says}${flags.dryRun === true ? ' (dry run: nothing written)' : ''}\n`);
}

const VERBS: readonly { readonly verb: Verb; readonly summary: string }[] = [
  { verb: 'promote', summary: 'go on to the next step, past the verdict or pause it waits for' },
  { verb: 'pause', summary: 'stay at the current weight until resumed' },
  { verb: 'resume', summary: 'go on after a pause or a hold' },
  { verb: 'abort', summary: 'give the canary up: all traffic back to stable' },
  { verb: 'retry', summary: 'release a rejected revision again, with fresh evidence' },
  { verb: 'skip-step', summary: 'leave the current step out' },
];

const revisionHelp = (verb: Verb): string =>
  verb === 'promote'
    ? 'refuse unless this is the current revision; the previous stable one goes back to it'
    : 'refuse unless this is the current revision';

export function register(program: Command): void {
  for (const { verb, summary } of VERBS) {
    const command = withConnection(program.command(`${verb} <release>`).description(summary))
      .option('--revision <revision>', revisionHelp(verb))
      .option('--dry-run', 'say what would be asked, write nothing');
    if (verb === 'promote') command.option('--full', 'all the way to 100 %, without further judging');
    command.action((name: string, flags: ActFlags) =>
      act(verb === 'promote' && flags.full === true ? 'promote-full' : verb, name, flags),
    );
  }
}

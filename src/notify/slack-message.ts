/**
 * A release's message as Slack shows it: a headline in words, a coloured block with reason and numbers, a small line with the
 * revisions. Pure; text of users is escaped, so no release name can mention a channel, and Slack's length limits hold.
 */
import type { Transition } from '../api/release.ts';
import { shortDuration, shortTime } from './texts.ts';
import type { ReleaseMessage } from './port.ts';

/** https://docs.slack.dev/reference/block-kit: section text 3 000 characters, context element 2 000, headline kept to what is readable. */
const SECTION_LIMIT = 3_000;
const CONTEXT_LIMIT = 2_000;
const HEADLINE_LIMIT = 300;

interface Text {
  readonly type: 'mrkdwn';
  readonly text: string;
}
type Block =
  | { readonly type: 'section'; readonly text: Text }
  | { readonly type: 'context'; readonly elements: readonly Text[] };

export interface SlackMessage {
  readonly channel?: string;
  readonly text: string;
  readonly attachments: readonly {
    readonly color: string;
    readonly fallback: string;
    readonly blocks: readonly Block[];
  }[];
}

/** The three characters that Slack gives a meaning, https://docs.slack.dev/messaging/formatting-message-text. */
export const escapeSlack = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Cut to a number of characters, never within an escape or a surrogate pair. */
function cut(escaped: string, limit: number): string {
  if (escaped.length <= limit) return escaped;
  return `${escaped.slice(0, limit - 1).replace(/&[a-z]{0,4}$|[\ud800-\udbff]$/, '')}…`;
}

const LOOKS: Readonly<Record<Transition, { readonly mark: string; readonly color: string }>> = {
  started: { mark: '▶', color: '#5b8def' },
  advanced: { mark: '→', color: '#5b8def' },
  resumed: { mark: '▶', color: '#5b8def' },
  held: { mark: '‖', color: '#e0a800' },
  retreated: { mark: '↩', color: '#e0a800' },
  invalid: { mark: '!', color: '#e0a800' },
  warned: { mark: '!', color: '#e0a800' },
  driftRepaired: { mark: '!', color: '#e0a800' },
  noted: { mark: 'i', color: '#5b8def' },
  superseded: { mark: '⇢', color: '#8a8f98' },
  promoted: { mark: '✓', color: '#2e9e5b' },
  aborted: { mark: '✗', color: '#c8324a' },
};

/** `shop/web aborted at 25 %, after 1 min 40 s`. */
function headlineOf({ announcement, namespace, release, weight, elapsedMs, revision }: ReleaseMessage): string {
  const name = `${namespace}/${release}`;
  const after = elapsedMs === undefined ? '' : `, after ${shortDuration(elapsedMs)}`;
  switch (announcement.what) {
    case 'started':
      return `${name} started: ${revision.canary ?? 'a new revision'} is being released`;
    case 'advanced':
      return `${name} advanced to ${weight} %${after}`;
    case 'held':
      return `${name} held at ${weight} %${after}`;
    case 'resumed':
      return `${name} goes on at ${weight} %${after}`;
    case 'retreated':
      return `${name} went back to ${weight} %${after}`;
    case 'aborted':
      return `${name} aborted at ${weight} %${after}`;
    case 'promoted':
      return `${name} promoted${after}`;
    case 'superseded':
      return `${name} superseded at ${weight} % by a newer revision${after}`;
    case 'invalid':
      return `${name} cannot go on`;
    case 'noted':
      return `${name} at ${weight} %${after}`;
    case 'warned':
      return `${name} may not come to a decision at ${weight} %${after}`;
    case 'driftRepaired':
      return `${name}: a changed route was put back`;
  }
}

/** `5449b8c487 kept · bf669489b rejected · traffic 100 % stable since 14:02:31 UTC`. */
function revisionsOf({ announcement, revision, weight, timeMs }: ReleaseMessage): string {
  const { stable, canary } = revision;
  const since = `since ${shortTime(timeMs)} UTC`;
  const parts = (...list: readonly (string | false | undefined)[]): string => list.filter(Boolean).join(' · ');
  const { what } = announcement;
  if (what === 'aborted' || what === 'superseded') {
    const fate = what === 'aborted' ? 'rejected' : 'given up';
    return parts(stable && `${stable} kept`, canary && `${canary} ${fate}`, `traffic 100 % stable ${since}`);
  }
  if (what === 'promoted') {
    return parts(
      canary && `${canary} promoted`,
      stable && `${stable} replaced`,
      `traffic 100 % ${canary ?? 'canary'} ${since}`,
    );
  }
  return parts(stable && `stable ${stable}`, canary && `canary ${canary} at ${weight} %`, `${shortTime(timeMs)} UTC`);
}

export function slackMessage(message: ReleaseMessage, channel?: string): SlackMessage {
  const { mark, color } = LOOKS[message.announcement.what];
  const headline = cut(escapeSlack(`${mark} ${headlineOf(message)}`), HEADLINE_LIMIT);
  const body = [message.announcement.message, ...message.facts].filter((line) => line.trim() !== '').join('\n');
  const revisions = cut(escapeSlack(revisionsOf(message)), CONTEXT_LIMIT);
  const blocks: readonly Block[] = [
    ...(body === ''
      ? []
      : [{ type: 'section', text: { type: 'mrkdwn', text: cut(escapeSlack(body), SECTION_LIMIT) } } as const]),
    { type: 'context', elements: [{ type: 'mrkdwn', text: revisions }] },
  ];
  return {
    ...(channel === undefined ? {} : { channel }),
    text: headline,
    attachments: [{ color, fallback: headline, blocks }],
  };
}

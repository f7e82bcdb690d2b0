import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TRANSITIONS } from '../../../src/api/release.ts';
import type { ReleaseMessage } from '../../../src/notify/port.ts';
import { escapeSlack, slackMessage } from '../../../src/notify/slack-message.ts';
import { aborted, held, promoted, started } from './messages.ts';

describe('the Slack message', () => {
  test.each([
    ['started', started],
    ['aborted', aborted],
    ['held', held],
    ['promoted', promoted],
  ])('of a release that was %s is as reviewed', async (name, message) => {
    await expect(`${JSON.stringify(slackMessage(message), null, 2)}\n`).toMatchFileSnapshot(
      `golden/slack-${name}.json`,
    );
  });

  test('names the channel only where the sink does', () => {
    expect(slackMessage(aborted)).not.toHaveProperty('channel');
    expect(slackMessage(aborted, '#releases').channel).toBe('#releases');
  });

  test('cannot mention anybody or forge a link, whatever names and reasons say', () => {
    const evil = '<!channel> <https://evil.example|click> & <@U1>';
    const message: ReleaseMessage = {
      ...aborted,
      release: evil,
      announcement: { ...aborted.announcement, message: evil },
      facts: [evil],
      revision: { stable: evil, canary: evil },
    };
    expect(JSON.stringify(slackMessage(message))).not.toMatch(/[<>]/);
  });

  test('every kind of change has words and a colour of its own', () => {
    const headlines = TRANSITIONS.map((what) =>
      slackMessage({ ...aborted, announcement: { ...aborted.announcement, what } }),
    );
    expect(new Set(headlines.map(({ text }) => text)).size).toBe(TRANSITIONS.length);
    for (const { attachments } of headlines) expect(attachments[0]?.color).toMatch(/^#[0-9a-f]{6}$/);
  });

  test('stays within the limits of Slack for any text, and never cuts an escape in two', () => {
    const text = fc.oneof(
      fc.string({ maxLength: 50 }),
      fc.constantFrom('&', '<>', '🚦').map((part) => part.repeat(4_000)),
    );
    fc.assert(
      fc.property(
        text,
        text,
        fc.array(text, { maxLength: 3 }),
        fc.constantFrom(...TRANSITIONS),
        (name, reason, facts, what) => {
          const { text: headline, attachments } = slackMessage({
            ...aborted,
            release: name,
            facts,
            revision: { stable: name, canary: reason },
            announcement: { ...aborted.announcement, what, message: reason },
          });
          const texts = (attachments[0]?.blocks ?? []).flatMap((block): [string, number][] =>
            block.type === 'section'
              ? [[block.text.text, 3_000]]
              : block.elements.map(({ text: shown }) => [shown, 2_000]),
          );
          for (const [shown, limit] of [[headline, 300] as const, ...texts]) {
            expect(shown.length).toBeLessThanOrEqual(limit);
            expect(shown.length).toBeGreaterThan(0);
            expect(shown.replace(/&(?:amp|lt|gt);/g, '')).not.toMatch(/[&<>]/);
            expect(shown.isWellFormed()).toBe(
              name.isWellFormed() && reason.isWellFormed() && facts.every((fact) => fact.isWellFormed()),
            );
          }
        },
      ),
    );
  });

  test('escapes exactly the three characters that Slack reads', () => {
    expect(escapeSlack('a < b && c > "d" *e*')).toBe('a &lt; b &amp;&amp; c &gt; "d" *e*');
  });
});

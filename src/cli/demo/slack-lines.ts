/** A Slack message as lines of text: what a person would read, without the markup. */

interface Block {
  readonly type?: string;
  readonly text?: { readonly text?: string };
  readonly fields?: readonly { readonly text?: string }[];
  readonly elements?: readonly { readonly text?: string | { readonly text?: string } }[];
}

const unescape = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&').replaceAll(/[*`]/g, '');

/** Every text of the blocks, in order; the fallback text where there are none. */
export function slackLines(body: string): readonly string[] {
  const message = JSON.parse(body) as {
    text?: string;
    blocks?: readonly Block[];
    attachments?: readonly { blocks?: readonly Block[] }[];
  };
  const blocks = [
    ...(message.blocks ?? []),
    ...(message.attachments ?? []).flatMap((attachment) => attachment.blocks ?? []),
  ];
  const texts = blocks.flatMap((block) => [
    block.text?.text,
    ...(block.fields ?? []).map((field) => field.text),
    ...(block.elements ?? []).map((element) => (typeof element.text === 'string' ? element.text : element.text?.text)),
  ]);
  const found = texts.filter((text) => text !== undefined && text !== '') as readonly string[]; // just filtered
  return (found.length > 0 ? found : [message.text ?? '']).flatMap((text) => unescape(text).split('\n'));
}

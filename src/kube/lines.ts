/** A byte stream as JSON lines: one value a line, blank lines skipped, the rest of a cut line is an error. */
import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';

/**
 * Ends quietly when nothing arrives for `idleMs` (a dead connection looks like a quiet one; the caller reconnects).
 * A stream that breaks in the middle throws what the socket said.
 */
export async function* jsonLines(stream: Readable, idleMs: number): AsyncGenerator<unknown, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let pending = '';
  let isIdle = false;
  const timer = setTimeout(() => {
    isIdle = true;
    stream.destroy();
  }, idleMs);
  try {
    for await (const chunk of stream) {
      timer.refresh();
      pending += decoder.write(chunk as Buffer);
      const lines = pending.split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) {
        if (line.trim() !== '') yield JSON.parse(line);
      }
    }
    if (pending.trim() !== '') throw new Error('the stream ended in the middle of an event');
  } catch (thrown) {
    if (!isIdle) throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** Redraws a block of lines in place on a terminal. Elsewhere nothing is ever redrawn: callers print plain lines instead. */
import { fit } from './style.ts';

export interface Canvas {
  draw(lines: readonly string[]): void;
  /** Prints a line above the block, to stay. */
  print(line: string): void;
  /** Leaves the last block on the screen and gives the cursor back. */
  end(): void;
}

export function createCanvas(stream: NodeJS.WriteStream): Canvas {
  let drawn: readonly string[] = [];
  const width = (): number => Math.max(20, stream.columns ?? 80);
  const height = (): number => Math.max(6, (stream.rows ?? 24) - 1);
  const erase = (): string => (drawn.length === 0 ? '' : `\u001b[${drawn.length}A\u001b[0J`);
  const show = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
  return {
    draw(lines) {
      const fitted = lines.slice(0, height()).map((line) => fit(line, width()));
      stream.write(`\u001b[?25l${erase()}${show(fitted)}`);
      drawn = fitted;
    },
    print(line) {
      stream.write(`${erase()}${fit(line, width())}\n${show(drawn)}`);
    },
    end() {
      stream.write('\u001b[?25h');
      drawn = [];
    },
  };
}

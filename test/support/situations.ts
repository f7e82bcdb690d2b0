/** The table of situations on a page of a rollout controller, which people read and tests play. */
import { readFileSync } from 'node:fs';

export interface SituationRow {
  readonly situation: string;
  readonly writes: string;
  readonly end: string;
  readonly recording: string;
}

/** Rows of the table under `## Situations` of `deploy/docs/<name>.md`. */
export function situationsOn(name: string): readonly SituationRow[] {
  const text = readFileSync(new URL(`../../deploy/docs/${name}.md`, import.meta.url), 'utf8');
  const section = text.split('## Situations')[1]?.split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  return lines.slice(1).map((line) => {
    const [situation = '', writes = '', end = '', recording = ''] = line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim());
    return { situation, writes, end, recording };
  });
}

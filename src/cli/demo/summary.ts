/** How each story ended, and whether that is how it should have. */
import { API_VERSION } from '../../api/meta.ts';
import type { Release } from '../../api/release.ts';
import { elapsed } from '../screen/numbers.ts';
import type { Paint } from '../screen/style.ts';
import { formatTable } from '../table.ts';
import type { Story } from './stories.ts';

export interface Ending {
  readonly story: Story;
  readonly phase: string;
  readonly reason: string;
  readonly metric: string;
  readonly says: string;
  readonly afterMs: number;
  /** Empty when it ended as it should; else what differs, one sentence. */
  readonly complaint: string;
}

const TERMINAL = new Set(['Promoted', 'Aborted']);

/** True when nothing more will happen by itself: promoted, aborted, or held where a hold is the expected end. */
export function hasEnded(story: Story, release: Release | undefined): boolean {
  const phase = release?.status?.phase ?? '';
  return TERMINAL.has(phase) || (story.expect.phase === 'Held' && phase === 'Held');
}

export function endingOf(story: Story, release: Release | undefined, afterMs: number): Ending {
  const status = release?.status;
  const phase = status?.phase ?? 'never started';
  const metric = status?.verdict?.metric ?? status?.history?.at(-1)?.metric ?? '';
  return {
    story,
    phase,
    reason: status?.reason ?? '',
    metric,
    says: status?.verdict?.says ?? status?.message ?? '',
    afterMs,
    complaint: complaintOf(story, phase, metric),
  };
}

function complaintOf(story: Story, phase: string, metric: string): string {
  const { expect } = story;
  if (phase !== expect.phase) return `${API_VERSION} Release ${story.app} is ${phase}, expected ${expect.phase}`;
  if (expect.metric !== undefined && metric !== expect.metric)
    return `decided on ${metric === '' ? 'nothing' : metric}, expected ${expect.metric}`;
  return '';
}

export function summaryTable(endings: readonly Ending[], paint: Paint): string {
  const rows = endings.map((ending) => [
    ending.story.app,
    ending.phase,
    elapsed(ending.afterMs),
    ending.metric === '' ? '–' : ending.metric,
    ending.reason,
    ending.complaint === '' ? '✓ as it should' : `✗ ${ending.complaint}`,
  ]);
  const table = formatTable(['RELEASE', 'VERDICT', 'AFTER', 'DECIDED ON', 'REASON', 'EXPECTED'], rows);
  return table
    .split('\n')
    .map((line, index) => (index === 0 ? paint('bold', line) : paint(line.includes('✗') ? 'red' : 'green', line)))
    .join('\n');
}

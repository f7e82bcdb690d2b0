/** What a replay says against what the run itself says: bit for bit the same, or what differs. Pure. */
import { at } from '../../api/fields.ts';
import { measurementOf } from '../../controller/analysis/status.ts';
import { parseVerdict } from '../../controller/run-state.ts';
import { serialiseEvidence } from '../../judge/checkpoint.ts';
import { formatOdds } from '../../judge/format.ts';
import type { StepVerdict } from '../../judge/verdict.ts';
import type { Replay } from './replay-run.ts';

export interface Comparison {
  /** The evidence is the same to the last bit. */
  readonly isSame: boolean;
  /** It ends as the run did. */
  readonly isSameOutcome: boolean;
  readonly differences: readonly string[];
}

const MOST = 8;

export function compareReplay({ run, looks, measured, evidence }: Replay): Comparison {
  const recorded = parseVerdict(run.status?.verdict);
  const now = looks.at(-1)?.verdict;
  const isSame = run.status?.checkpoint === serialiseEvidence(evidence);
  const boundaryOf = new Map((now?.metrics ?? []).map(({ name, boundaryMs }) => [name, boundaryMs]));
  const byEnd = new Map(measured.map((one) => [new Date(one.endMs).toISOString(), measurementOf(one, boundaryOf)]));
  const kept = run.status?.measurements ?? [];
  const changed = kept.flatMap((entry) => {
    const again = byEnd.get(String(at(entry, 'end')));
    if (again === undefined) return [`${clock(entry)} was measured, and is not read now`];
    return Object.entries(again.metrics).flatMap(([name, value]) => {
      const [before, after] = [JSON.stringify(at(entry, 'metrics', name)), JSON.stringify(value)];
      return before === after ? [] : [`${clock(entry)} ${name}: ${before ?? 'nothing'} then, ${after} now`];
    });
  });
  const isSameOutcome = recorded !== undefined && recorded.outcome === now?.outcome;
  return {
    isSame,
    isSameOutcome,
    differences: isSame
      ? []
      : [...verdictDifferences(recorded, now), ...changed.slice(0, MOST), ...rest(changed.length - MOST)],
  };
}

function verdictDifferences(recorded: StepVerdict | undefined, now: StepVerdict | undefined): readonly string[] {
  if (recorded === undefined || now === undefined) return ['The run keeps no verdict to compare with'];
  const found: string[] = [];
  if (recorded.outcome !== now.outcome || recorded.reason !== now.reason)
    found.push(`${recorded.outcome} (${recorded.reason}) then, ${now.outcome} (${now.reason}) now`);
  for (const metric of recorded.metrics) {
    const again = now.metrics.find(({ name }) => name === metric.name);
    if (again === undefined || metric.odds === again.odds) continue;
    found.push(`${metric.name}: odds ${formatOdds(metric.odds)} then, ${formatOdds(again.odds)} now`);
  }
  return found;
}

function rest(more: number): readonly string[] {
  return more > 0 ? [`and ${more} more`] : [];
}

const clock = (entry: unknown): string => String(at(entry, 'end')).slice(11, 19);

/**
 * Strategies that give all requests to one version at a time, as plans: [analysis before] [pause] weight 100 [analysis after]. Each
 * analysis is an analysis step with a run of its own, made when its turn comes, with its share of the false-abort probability.
 */
import type { BlueGreen } from '../api/blue-green.ts';
import type { ReleaseSpec } from '../api/release.ts';
import { duration, type PlanStep } from './steps.ts';

/** The strategy that is written, and where. */
interface Switch {
  readonly field: 'spec.strategy.blueGreen' | 'spec.strategy.recreate';
  readonly how: Pick<BlueGreen, 'analysis' | 'pause'>;
}

/** `undefined` for strategies that go by shares of requests. */
export function switchOf({ strategy }: Pick<ReleaseSpec, 'strategy'>): Switch | undefined {
  if (strategy?.blueGreen !== undefined) return { field: 'spec.strategy.blueGreen', how: strategy.blueGreen };
  return strategy?.recreate === undefined ? undefined : { field: 'spec.strategy.recreate', how: strategy.recreate };
}

export function switchSteps(spec: ReleaseSpec, { field, how }: Switch, problems: string[]): PlanStep[] {
  problems.push(...commonProblems(spec, field), ...blueGreenProblems(spec, spec.strategy?.blueGreen));
  const durationMs = duration(how.pause?.duration, `${field}.pause.duration`, problems);
  const waits: PlanStep[] =
    how.pause === undefined ? [] : [{ kind: 'pause', ...(durationMs === undefined ? {} : { durationMs }) }];
  const analysis = (phase: 'before' | 'after'): PlanStep[] => analysisStep(how.analysis, phase, `${field}.analysis`);
  return [...analysis('before'), ...waits, { kind: 'setWeight', weight: 100 }, ...analysis('after')];
}

function analysisStep(analysis: BlueGreen['analysis'], phase: 'before' | 'after', field: string): PlanStep[] {
  const { before, after, ...shared } = analysis ?? {};
  const own = phase === 'before' ? before : after;
  if (own === undefined) return [];
  const { templates, args, ...settings } = own;
  return [
    {
      kind: 'analysis',
      field: `${field}.${phase}`,
      templates,
      ...(args === undefined ? {} : { args }),
      settings: { ...shared, ...settings },
    },
  ];
}

/** What keeps such a strategy from working whatever the cluster holds. */
function commonProblems(spec: ReleaseSpec, field: string): readonly string[] {
  const problems: string[] = [];
  if (spec.analysis !== undefined)
    problems.push(
      `spec.analysis compares two versions at the same time, which there never are. Move its templates to ${field}.analysis.`,
    );
  if (spec.mode === 'observe')
    problems.push(
      'spec.mode is observe, but one version has all requests until Serin gives them to the other. Leave mode out, or observe a canary.',
    );
  return problems;
}

function blueGreenProblems(spec: ReleaseSpec, blueGreen: BlueGreen | undefined): readonly string[] {
  if (blueGreen === undefined) return [];
  const { analysis, preview, scaleDownAfter } = blueGreen;
  const problems: string[] = [];
  if (analysis !== undefined && analysis.before === undefined && analysis.after === undefined)
    problems.push('spec.strategy.blueGreen.analysis judges nothing. Write before, after or both.');
  if (preview !== undefined && spec.traffic?.service === undefined)
    problems.push(
      'spec.strategy.blueGreen.preview is a Service that Serin switches, which goes with spec.traffic.service. Leave preview out, and let a route of your own lead testers to the new version.',
    );
  if (preview !== undefined && preview === spec.traffic?.service?.name)
    problems.push(
      'spec.strategy.blueGreen.preview is the Service that users reach (spec.traffic.service). Name another Service for testers.',
    );
  if (scaleDownAfter !== undefined && spec.workload.pair?.scaleDownAfter !== undefined)
    problems.push(
      'scaleDownAfter is written twice, in spec.strategy.blueGreen and in spec.workload.pair. Keep one of them.',
    );
  return problems;
}

/**
 * blueGreen as a plan: an analysis before the switch at weight 0, all requests at once, an analysis after it at weight 100. Each is an
 * analysis step with a run of its own, made when its turn comes, with its share of the release's false-abort probability.
 */
import type { BlueGreen } from '../api/blue-green.ts';
import type { ReleaseSpec } from '../api/release.ts';
import { duration, type PlanStep } from './steps.ts';

export function blueGreenSteps(spec: ReleaseSpec, blueGreen: BlueGreen, problems: string[]): PlanStep[] {
  problems.push(...problemsOf(spec, blueGreen));
  const durationMs = duration(blueGreen.pause?.duration, 'spec.strategy.blueGreen.pause.duration', problems);
  const waits: PlanStep[] =
    blueGreen.pause === undefined ? [] : [{ kind: 'pause', ...(durationMs === undefined ? {} : { durationMs }) }];
  return [
    ...analysisStep(blueGreen, 'before'),
    ...waits,
    { kind: 'setWeight', weight: 100 },
    ...analysisStep(blueGreen, 'after'),
  ];
}

function analysisStep({ analysis }: BlueGreen, phase: 'before' | 'after'): PlanStep[] {
  const { before: _before, after: _after, ...shared } = analysis ?? {};
  const own = analysis?.[phase];
  if (own === undefined) return [];
  const { templates, args, ...settings } = own;
  const field = `spec.strategy.blueGreen.analysis.${phase}`;
  return [
    {
      kind: 'analysis',
      field,
      templates,
      ...(args === undefined ? {} : { args }),
      settings: { ...shared, ...settings },
    },
  ];
}

/** What keeps a blueGreen from working whatever the cluster holds. */
function problemsOf(spec: ReleaseSpec, { analysis, preview, scaleDownAfter }: BlueGreen): readonly string[] {
  const problems: string[] = [];
  if (spec.analysis !== undefined)
    problems.push(
      'spec.analysis compares two versions at the same time, which blueGreen never has. Move its templates to spec.strategy.blueGreen.analysis, under before, after or both.',
    );
  if (analysis !== undefined && analysis.before === undefined && analysis.after === undefined)
    problems.push('spec.strategy.blueGreen.analysis judges nothing. Write before, after or both.');
  if (spec.mode === 'observe')
    problems.push(
      'spec.mode is observe, but the switch of blueGreen is what separates before from after. Leave mode out, or observe a canary.',
    );
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

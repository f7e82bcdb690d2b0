/** Whether a Release has pods enough for its weights. */
import { numberAt } from '../../api/fields.ts';
import type { ReleaseSpec } from '../../api/release.ts';
import type { Plan } from '../../release/plan.ts';
import { findObject, type LintContext } from './context.ts';
import { finding, type LintFinding } from './finding.ts';
import type { SourceObject } from './source.ts';

/** The idle member of a pair is scaled from zero, and never otherwise: what it has must carry its weight. */
export function podFindings(
  object: SourceObject,
  { workload, traffic, strategy }: ReleaseSpec,
  plan: Plan,
  context: LintContext,
): readonly LintFinding[] {
  const members = (workload.pair?.members ?? []).map((name) =>
    findObject(context, { kind: 'Deployment', name, group: 'apps', namespace: object.namespace }),
  );
  const [one, two] = members.map((member) =>
    member === undefined ? undefined : (numberAt(member.value, 'spec', 'replicas') ?? 1),
  );
  // With a switch the last weight is judged as well; in steps what is left is the promotion's, and scaled for it.
  const most = strategy?.blueGreen === undefined ? 99 : 100;
  const weights = plan.steps.flatMap((step) => (step.kind === 'setWeight' && step.weight <= most ? [step.weight] : []));
  const [largest, smallest] = [Math.max(0, ...weights), Math.min(100, ...weights.filter((weight) => weight > 0))];
  if (one === undefined || two === undefined || weights.length === 0) return [];
  const [few, many] = [Math.min(one, two), Math.max(one, two)];
  const idle = members[one <= two ? 0 : 1];
  if (traffic === undefined) {
    if (smallest >= 100 / (many + 1)) return [];
    return [
      finding(
        'too-few-pods',
        object.place(['spec', 'strategy', 'canary']),
        `Without spec.traffic the replica counts are the weights: with ${many} pods the smallest possible weight is ${Math.ceil(100 / (many + 1))} %, and a step asks for ${smallest} %. Add a router, or begin with ${Math.ceil(100 / (many + 1))}.`,
      ),
    ];
  }
  const needed = Math.ceil((many * largest) / 100);
  if (few === 0 || few >= needed || idle === undefined) return [];
  return [
    finding(
      'too-few-pods',
      idle.place(['spec', 'replicas']),
      `Deployment ${idle.name} has ${few} of ${many} pods, and Release ${object.name} gives it up to ${largest} % of the requests: each of its pods would carry ${((many * largest) / 100 / few).toFixed(1)} times as much as now. Give it at least ${needed}, or 0 to have it scaled for the release.`,
    ),
  ];
}

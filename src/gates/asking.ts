/**
 * Gates are asked beside the reconciles, never in them: a gate that hangs must not keep an abort waiting. An answer belongs to one release,
 * revision, attempt and step; what was open for another is not open for this one. Lost with the process, and then asked again.
 */
import type { Phase, Release } from '../api/release.ts';
import type { Clock } from '../clock.ts';
import { planOf } from '../release/plan.ts';
import type { AskGate, GateAnswer, GateQuestion } from './port.ts';

/** A closed gate is asked again not before this, when its release is looked at next; an open one is not asked again. */
const AGAIN_MS = 10_000;
const FORGET_MS = 3_600_000;

const UNDER_WAY: ReadonlySet<Phase> = new Set(['Progressing', 'Held']);

interface Asked {
  readonly askedMs: number;
  readonly isUnderWay: boolean;
  readonly answer?: GateAnswer;
}

export interface GateMemoryDeps {
  readonly ask: AskGate;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Asks for a reconcile of `<namespace>/<name>`. */
  readonly enqueue: (releaseKey: string) => Promise<void>;
  /** Ends all asking. */
  readonly signal: AbortSignal;
}

/** The newest answer for the gate that a release stands at, if it stands at one. Asks when there is none, or it is old. */
export function createGateMemory(deps: GateMemoryDeps): (release: Release) => GateAnswer | undefined {
  const memory = new Map<string, Asked>();

  const ask = async (key: string, question: GateQuestion): Promise<void> => {
    const before = memory.get(key)?.answer;
    const askedMs = deps.clock.nowMs();
    memory.set(key, { askedMs, isUnderWay: true, ...(before === undefined ? {} : { answer: before }) });
    const answer = await deps.ask(question, deps.signal);
    memory.set(key, { askedMs, isUnderWay: false, answer });
    if (answer.isOpen || answer.says !== before?.says) await deps.enqueue(`${question.namespace}/${question.name}`);
  };

  return (release) => {
    const question = questionOf(release);
    if (question === undefined) return undefined;
    const nowMs = deps.clock.nowMs();
    for (const [key, { askedMs, isUnderWay }] of memory) {
      if (!isUnderWay && nowMs - askedMs > FORGET_MS) memory.delete(key);
    }
    const key = [release.metadata.uid, ...Object.values(question)].join('\n');
    const known = memory.get(key);
    const isDue = known === undefined || (!known.isUnderWay && nowMs - known.askedMs >= AGAIN_MS);
    if (isDue && known?.answer?.isOpen !== true) {
      // It ends with the process; a queue that does not take the key is looked after by the next heartbeat.
      ask(key, question).catch(() => memory.delete(key));
    }
    return known?.answer;
  };
}

function questionOf({ metadata, spec, status }: Release): GateQuestion | undefined {
  // A release that is over keeps its last step in status, and nobody is to be asked about it.
  if (status === undefined || !UNDER_WAY.has(status.phase)) return undefined;
  const index = status.step?.index ?? 0;
  const plan = planOf(spec);
  const step = plan.kind === 'plan' ? plan.steps[index - 1] : undefined;
  if (step?.kind !== 'gate') return undefined;
  return {
    url: step.url,
    namespace: metadata.namespace,
    name: metadata.name,
    revision: status.revision.canary ?? '',
    attempt: status.attempt ?? 0,
    step: index,
    weight: status.weight,
  };
}

/** The columns of a pod: its one-word status is drawn from phase, conditions and container states. */
import { type Json, listAt, numberAt, objectAt, textAt, valueAt } from '../json.ts';
import type { StoredObject } from '../object.ts';
import { ageOf } from './age.ts';
import type { Column } from './resource.ts';

interface Summary {
  readonly word: string;
  readonly ready: number;
  readonly restarts: number;
  readonly lastRestart: string | undefined;
}

export function podColumns(name: Column, age: Column): readonly Column[] {
  const column = (title: string, cell: Column['cell'], priority = 0): Column => ({
    name: title,
    type: 'string',
    priority,
    cell,
  });
  return [
    name,
    column('Ready', (pod) => `${summarise(pod).ready}/${listAt(pod.spec, 'containers').length}`),
    column('Status', (pod) => summarise(pod).word),
    column('Restarts', (pod, nowMs) => {
      const { restarts, lastRestart } = summarise(pod);
      return lastRestart === undefined || restarts === 0
        ? `${restarts}`
        : `${restarts} (${ageOf(lastRestart, nowMs)} ago)`;
    }),
    age,
    column('IP', (pod) => textAt(pod.status, 'podIPs', 0, 'ip') ?? textAt(pod.status, 'podIP') ?? '<none>', 1),
    column('Node', (pod) => textAt(pod.spec, 'nodeName') ?? '<none>', 1),
    column('Nominated Node', (pod) => textAt(pod.status, 'nominatedNodeName') ?? '<none>', 1),
    column('Readiness Gates', readinessGates, 1),
  ];
}

function summarise(pod: StoredObject): Summary {
  const phase = textAt(pod.status, 'phase') ?? '';
  let word = textAt(pod.status, 'reason') ?? phase;
  const initStates = listAt(pod.status, 'initContainerStatuses');
  const blocked = initStates.findIndex((status) => numberAt(status, 'state', 'terminated', 'exitCode') !== 0);
  if (blocked >= 0) word = initWord(initStates[blocked], blocked, listAt(pod.spec, 'initContainers').length);
  const statuses = blocked >= 0 ? [] : listAt(pod.status, 'containerStatuses');
  let ready = 0;
  let running = false;
  for (const status of [...statuses].reverse()) {
    const waiting = textAt(status, 'state', 'waiting', 'reason');
    const terminated = objectAt(status, 'state', 'terminated');
    if (waiting !== undefined && waiting !== '') word = waiting;
    else if (terminated !== undefined) {
      word = textAt(terminated, 'reason') ?? `ExitCode:${numberAt(terminated, 'exitCode') ?? 0}`;
    } else if (valueAt(status, 'ready') === true && objectAt(status, 'state', 'running') !== undefined) {
      ready += 1;
      running = true;
    }
  }
  if (word === 'Completed' && running) word = isReady(pod) ? 'Running' : 'NotReady';
  if (pod.metadata.deletionTimestamp !== undefined && phase !== 'Succeeded' && phase !== 'Failed') word = 'Terminating';
  const all = blocked >= 0 ? initStates : statuses;
  return {
    word,
    ready,
    restarts: all.reduce<number>((sum, status) => sum + (numberAt(status, 'restartCount') ?? 0), 0),
    lastRestart: all
      .map((status) => textAt(status, 'lastState', 'terminated', 'finishedAt'))
      .filter((time) => time !== undefined)
      .sort()
      .at(-1),
  };
}

function initWord(status: Json | undefined, index: number, of: number): string {
  const terminated = objectAt(status, 'state', 'terminated');
  if (terminated !== undefined) {
    return `Init:${textAt(terminated, 'reason') ?? `ExitCode:${numberAt(terminated, 'exitCode') ?? 0}`}`;
  }
  const waiting = textAt(status, 'state', 'waiting', 'reason');
  return waiting === undefined || waiting === 'PodInitializing' ? `Init:${index}/${of}` : `Init:${waiting}`;
}

const isReady = (pod: StoredObject): boolean =>
  listAt(pod.status, 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );

const readinessGates: Column['cell'] = (pod) => {
  const gates = listAt(pod.spec, 'readinessGates').map((gate) => textAt(gate, 'conditionType'));
  if (gates.length === 0) return '<none>';
  const conditions = listAt(pod.status, 'conditions').filter((condition) => textAt(condition, 'status') === 'True');
  const met = gates.filter((gate) => conditions.some((condition) => textAt(condition, 'type') === gate));
  return `${met.length}/${gates.length}`;
};

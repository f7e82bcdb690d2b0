/**
 * A stand-in beside a recording of the real controller: it gets what people and Serin once wrote, at the times when they did, and its
 * course of statuses is put beside the recorded one.
 */
import { at, fieldsAt, listAt, sameJson } from '../../../src/api/fields.ts';
import type { JsonPatchOperation, KubeObject, ResourceType } from '../../../src/api/meta.ts';
import { createMemoryKube, type MemoryKube } from '../memory-kube.ts';
import type { RecordedEntry, Recording } from '../recorded-rollout.ts';
import { runPods } from './memory-pods.ts';

const NAMESPACE = 'shop';

/** How one controller is told from the other. */
export interface StandIn {
  /** Its kind of Rollout, and the workloads that people change. */
  readonly types: Readonly<Record<string, ResourceType>>;
  readonly rollout: ResourceType;
  /** One look at everything. */
  look(memory: MemoryKube, namespace: string, nowMs: number): Promise<void>;
  /** What a webhook of it adds to a write. */
  admit?(memory: MemoryKube, target: KubeObject, next: KubeObject): Promise<KubeObject>;
  /** What people have beside the recorded objects. */
  readonly beside: readonly KubeObject[];
  /** A status in one line; what differs from run to run is left out. */
  lineOf(rollout: KubeObject): string;
  /** Fields of patches that differ from run to run: names of revisions, times. */
  readonly own: readonly RegExp[];
}

export interface Beside {
  readonly recorded: readonly string[];
  readonly course: readonly string[];
  /** Patches that were recorded as accepted and are refused here, or the other way round. */
  readonly otherwise: readonly string[];
}

export async function besideRecording(standIn: StandIn, recording: Recording): Promise<Beside> {
  const memory = createMemoryKube();
  const startMs = Date.parse('2026-01-01T00:00:00Z');
  const course: string[] = [];
  const recorded: string[] = [];
  const otherwise: string[] = [];
  /** As recorded, newest first by key. */
  const theirs = new Map<string, KubeObject>();
  const rolloutOf = async (): Promise<KubeObject | undefined> =>
    (await memory.list(standIn.rollout, { namespace: NAMESPACE })).items[0];
  /** No further than the real one was by then, so that pauses last from the same times on. */
  const settle = async (nowMs: number, upTo = Number.POSITIVE_INFINITY): Promise<void> => {
    for (let round = 0; round < 60; round++) {
      if (course.length >= upTo) return;
      const before = JSON.stringify(await rolloutOf());
      await standIn.look(memory, NAMESPACE, nowMs);
      const rollout = await rolloutOf();
      if (rollout !== undefined) note(course, standIn.lineOf(rollout));
      if (!(await runPods(memory, NAMESPACE)) && JSON.stringify(rollout) === before) return;
    }
    throw new Error(`${recording.scenario}: the stand-in never comes to rest`);
  };

  const first = recording.entries.filter(({ t, object }) => t === 0 && object !== undefined);
  for (const object of standIn.beside) memory.put(object);
  for (const { object } of first)
    if (object !== undefined && standIn.types[object.kind] !== undefined) {
      const { status: _status, ...rest } = object;
      memory.put(rest);
    }
  await settle(startMs);
  course.length = 0;
  for (const [index, entry] of recording.entries.entries()) {
    const { object, patch, t } = entry;
    if (object !== undefined) {
      theirs.set(`${object.kind} ${object.metadata.name}`, object);
      if (object.kind === standIn.rollout.kind && entry.gone !== true) note(recorded, standIn.lineOf(object));
    }
    if (t === 0) {
      const rollout = await rolloutOf();
      if (rollout !== undefined && course.length === 0) note(course, standIn.lineOf(rollout));
      continue;
    }
    if (patch !== undefined) {
      const written = asTheServerKept(patch.operations, patch.target, recording.entries.slice(index));
      const isRefused = !(await tried(patch.target, written));
      if (isRefused !== (patch.isRefused === true))
        otherwise.push(`${t} ms: ${JSON.stringify(patch.operations.filter(({ op }) => op !== 'test'))}`);
      const rollout = await rolloutOf();
      if (rollout !== undefined) note(course, standIn.lineOf(rollout));
    }
    await settle(startMs + t, recorded.length);
  }
  await settle(startMs + (recording.entries.at(-1)?.t ?? 0));
  return { recorded, course, otherwise };

  async function tried(target: string, operations: readonly JsonPatchOperation[]): Promise<boolean> {
    const [kind = '', name = ''] = target.split(' ');
    const type = standIn.types[kind];
    if (type === undefined) throw new Error(`${recording.scenario}: nobody knows ${kind}`);
    const ours = await memory.get({ type, namespace: NAMESPACE, name });
    if (ours === undefined) return false;
    const own = operations.map((operation) => translated(operation, ours, theirs.get(target)));
    try {
      const next = await memory.patch({
        kind: 'json',
        target: { type, namespace: NAMESPACE, name },
        operations: own,
        fieldManager: 'somebody',
      });
      if (standIn.admit !== undefined) memory.put(await standIn.admit(memory, ours, next));
      return true;
    } catch {
      return false;
    }
  }

  /** What was tested and true then, is tested by the name that it has here. */
  function translated(
    operation: JsonPatchOperation,
    ours: KubeObject,
    recordedObject: KubeObject | undefined,
  ): JsonPatchOperation {
    if (operation.op !== 'test' || !standIn.own.some((path) => path.test(operation.path))) return operation;
    const keys = operation.path.split('/').slice(1);
    const isTrue = sameJson(at(recordedObject, ...keys), operation.value);
    return isTrue ? { ...operation, value: at(ours, ...keys) } : operation;
  }
}

const note = (course: string[], line: string): void => {
  if (course.at(-1) !== line) course.push(line);
};

/** A template that somebody wrote, with the defaults that the API server put into it. */
function asTheServerKept(
  operations: readonly JsonPatchOperation[],
  target: string,
  later: readonly RecordedEntry[],
): readonly JsonPatchOperation[] {
  const [kind = '', name = ''] = target.split(' ');
  const kept = later.find(({ object }) => object?.kind === kind && object.metadata.name === name)?.object;
  return operations.map((operation) =>
    operation.op === 'replace' && operation.path === '/spec/template' && kind !== 'Rollout' && kept !== undefined
      ? { ...operation, value: fieldsAt(kept, 'spec', 'template') }
      : operation,
  );
}

/** Reasons of what it waits for, or nothing. */
export const pausesOf = (rollout: KubeObject): string =>
  listAt(rollout, 'status', 'pauseConditions')
    .map((each) => String(at(each, 'reason')))
    .join('+');

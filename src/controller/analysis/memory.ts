/**
 * Where a run's evidence is found: in the EvidenceStore, else in the checkpoint of its status, whichever is newer. Both may be
 * gone; then the run opens its evidence again. Parsed evidence is kept, because the same text comes back at every poll.
 */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import { messageOf } from '../../errors.ts';
import type { EvidenceStore } from '../../evidence/port.ts';
import { parseEvidence, serialiseEvidence } from '../../judge/checkpoint.ts';
import type { RunEvidence } from '../../judge/evidence.ts';
import type { Receipts } from '../../metrics/late.ts';
import type { Log } from '../../logger.ts';

export interface Remembered {
  /** What the store held when it was read; 0: nothing. The precondition of the next write. */
  readonly storedEndMs: number;
  readonly evidence?: RunEvidence;
  /** By metric; what was taken from the newest interval. Empty after the store was lost. */
  readonly receipts: Receipts;
}

export interface EvidenceMemory {
  load(run: AnalysisRun): Promise<Remembered>;
  /** Answers false when somebody else was faster; a store that is down counts as stored, the checkpoint carries on. */
  save(run: AnalysisRun, before: Remembered, evidence: RunEvidence, receipts: Receipts): Promise<boolean>;
  /** Drops what is kept of runs that are no more under analysis, here and in the store. */
  forgetAllBut(uids: ReadonlySet<string>): Promise<void>;
}

interface Parsed {
  readonly text: string;
  readonly evidence: RunEvidence;
  readonly receipts: Receipts;
}

export function createEvidenceMemory(store: EvidenceStore, log: Log): EvidenceMemory {
  const parsed = new Map<string, Parsed>();

  const read = (uid: string, text: string, isPacked: boolean): Parsed | undefined => {
    const known = parsed.get(uid);
    if (known?.text === text) return known;
    try {
      const { evidence, receipts } = isPacked ? unpack(text) : { evidence: parseEvidence(text), receipts: {} };
      return { text, evidence, receipts };
    } catch (err) {
      log.error({ run: uid, err }, 'A checkpoint cannot be read; the evidence starts again.');
      return undefined;
    }
  };

  return {
    load: async (run) => {
      const { uid } = run.metadata;
      const stored = await store.load(uid).catch((thrown: unknown) => {
        log.warn({ run: uid, reason: messageOf(thrown) }, 'The evidence store does not answer; checkpoints are used.');
        return undefined;
      });
      const storedEndMs = stored?.intervalEndMs ?? 0;
      const checkpoint = run.status?.checkpoint;
      const checkpointEndMs = checkpoint === undefined ? 0 : Date.parse(run.status?.intervalEnd ?? '') || 0;
      const kept = stored === undefined ? undefined : read(uid, stored.checkpoint, true);
      const found =
        checkpoint !== undefined && (kept === undefined || checkpointEndMs > storedEndMs)
          ? (read(uid, checkpoint, false) ?? kept)
          : kept;
      if (found === undefined) return { storedEndMs, receipts: {} };
      parsed.set(uid, found);
      return { storedEndMs, evidence: found.evidence, receipts: found.receipts };
    },

    save: async (run, before, evidence, receipts) => {
      const { uid } = run.metadata;
      const text = pack(evidence, receipts);
      try {
        const next = { intervalEndMs: evidence.endMs, checkpoint: text };
        if (!(await store.compareAndSet(uid, before.storedEndMs, next))) return false;
      } catch (thrown) {
        log.warn(
          { run: uid, reason: messageOf(thrown) },
          'Evidence could not be stored; its checkpoint is in the run.',
        );
      }
      parsed.set(uid, { text, evidence, receipts });
      return true;
    },

    forgetAllBut: async (uids) => {
      const gone = [...parsed.keys()].filter((uid) => !uids.has(uid));
      for (const uid of gone) parsed.delete(uid);
      // A store that does not answer forgets by itself later.
      await Promise.all(gone.map((uid) => store.remove(uid).catch(() => undefined)));
    },
  };
}

function pack(evidence: RunEvidence, receipts: Receipts): string {
  return JSON.stringify({ evidence: serialiseEvidence(evidence), receipts });
}

function unpack(text: string): Omit<Parsed, 'text'> {
  const { evidence, receipts } = JSON.parse(text) as { readonly evidence: string; readonly receipts: Receipts }; // our own
  return { evidence: parseEvidence(evidence), receipts };
}

/** Evidence in this process, for the embedded queue: one process is all there is, and the checkpoint in status outlives it. */
import type { EvidenceStore, StoredEvidence } from './port.ts';

export function openMemoryEvidence(): EvidenceStore {
  const stored = new Map<string, StoredEvidence>();
  return {
    load: (runUid) => Promise.resolve(stored.get(runUid)),
    compareAndSet(runUid, expectedEndMs, next) {
      if ((stored.get(runUid)?.intervalEndMs ?? 0) !== expectedEndMs) return Promise.resolve(false);
      stored.set(runUid, next);
      return Promise.resolve(true);
    },
    remove(runUid) {
      stored.delete(runUid);
      return Promise.resolve();
    },
    close() {
      stored.clear();
      return Promise.resolve();
    },
  };
}

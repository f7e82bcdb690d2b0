/**
 * Where evidence lives between checkpoints. Losing it loses nothing but time: a run resumes from the checkpoint in
 * `AnalysisRun.status` and re-reads the missed intervals. Compare-and-set on the interval end keeps two workers apart.
 */
export interface StoredEvidence {
  /** End of the newest interval in it, ms since the epoch. */
  readonly intervalEndMs: number;
  /** Serialised evidence of all metrics of the run (`judge/`), opaque here. */
  readonly checkpoint: string;
}

export interface EvidenceStore {
  load(runUid: string): Promise<StoredEvidence | undefined>;
  /** Stores if what is there ends at `expectedEndMs` (0: nothing is there); answers whether it did. */
  compareAndSet(runUid: string, expectedEndMs: number, next: StoredEvidence): Promise<boolean>;
  remove(runUid: string): Promise<void>;
  close(): Promise<void>;
}

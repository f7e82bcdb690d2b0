/** Opens the evidence store that goes with the queue's store. */
import { openMemoryEvidence } from './memory.ts';
import type { EvidenceStore } from './port.ts';
import { openRedisEvidence } from './redis.ts';

export type EvidenceAddress = { readonly kind: 'redis'; readonly url: string } | { readonly kind: 'memory' };

export interface EvidenceStoreOptions {
  /** Told of connection trouble that is being repaired; for logs. */
  readonly onError?: (error: Error) => void;
}

export async function openEvidenceStore(
  address: EvidenceAddress,
  options: EvidenceStoreOptions = {},
): Promise<EvidenceStore> {
  return address.kind === 'redis'
    ? openRedisEvidence(address.url, options.onError ?? (() => undefined))
    : openMemoryEvidence();
}

/** What a CRD says beside its schema; one definition per kind, listed in `kinds.ts`. */
import type { TSchema } from 'typebox';
import type { ResourceType } from './meta.ts';

interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** 1: only with `-o wide`. */
  readonly priority?: 1;
}

export interface KindDefinition {
  readonly type: ResourceType;
  readonly description: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly spec: TSchema;
  /** Absent: the kind has no status subresource. */
  readonly status?: TSchema;
  readonly columns: readonly PrinterColumn[];
  /** A complete manifest that works as it stands; shown in the reference, checked by tests. */
  readonly example: string;
}

export const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Since when it exists.',
};

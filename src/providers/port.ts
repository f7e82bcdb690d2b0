/**
 * Who measures: one adapter for each provider of Argo Rollouts that Serin asks. A measurement that did not work is an answer, not an
 * exception; an adapter rejects only when the signal aborts. Settings come with their secrets put in, so nothing of them goes into a
 * message but names of fields; `measuring.ts` takes secrets out of whatever comes back.
 */
import type { Fields } from '../api/fields.ts';
import type { Measured } from '../expression/condition.ts';

export type ProviderName = 'prometheus' | 'web' | 'job';

export interface MeasureRequest {
  readonly run: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly metric: string;
  /** Which measurement of this metric it is, from 1; the same again after a crash. */
  readonly number: number;
  /** What stands below `provider.<name>`. */
  readonly settings: Fields;
}

type Metadata = Readonly<Record<string, string>>;

export type Reading =
  /** A value that conditions are evaluated over. */
  | {
      readonly kind: 'value';
      readonly measured: Measured;
      /** As `status` shows it. */
      readonly shown: string;
      /** Of this measurement, e.g. warnings. */
      readonly metadata?: Metadata;
    }
  /** The provider itself says what comes of it. */
  | {
      readonly kind: 'phase';
      readonly phase: 'Successful' | 'Failed' | 'Inconclusive';
      readonly message?: string;
      readonly metadata?: Metadata;
    }
  /** It is under way; asked again with this metadata. */
  | { readonly kind: 'underWay'; readonly metadata: Metadata; readonly resumeAtMs: number }
  /** Nothing was measured; the sentence says why. */
  | { readonly kind: 'error'; readonly message: string };

export interface Provider {
  measure(request: MeasureRequest, signal: AbortSignal): Promise<Reading>;
  /** Looks again at one that is under way; absent where there is none. `startedAtMs`: when it began. */
  resume?(request: MeasureRequest, metadata: Metadata, startedAtMs: number, signal: AbortSignal): Promise<Reading>;
  /** Ends one that is under way. */
  terminate?(request: MeasureRequest, metadata: Metadata, signal: AbortSignal): Promise<Reading>;
}

export type Providers = Readonly<Record<ProviderName, Provider>>;

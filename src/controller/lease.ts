/**
 * Leader election by a Lease object (coordination.k8s.io). Leadership only decides who watches and schedules; two
 * leaders for a moment are harmless, because every write carries its own precondition (contracts 28).
 * As in client-go, the age of somebody else's lease is counted from when a renewal was *seen*, never by comparing clocks.
 */
import { type KubeObject, type ObjectRef, TYPES } from '../api/meta.ts';
import type { Clock } from '../clock.ts';
import { SerinError } from '../errors.ts';
import type { KubeClient } from '../kube/port.ts';
import type { Log } from '../logger.ts';

export interface LeaseDeps {
  readonly kube: Pick<KubeClient, 'get' | 'create' | 'patch'>;
  readonly clock: Clock;
  /** Uniform on [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly onChange?: (isLeader: boolean) => void;
}

export interface LeaseSettings {
  readonly namespace: string;
  readonly name: string;
  /** Unique per process: the pod's name. */
  readonly identity: string;
  /** A lease that nobody renewed for so long may be taken (default 15 s). */
  readonly durationMs?: number;
  /** A leader that could not renew for so long gives up by itself (default 10 s; below `durationMs`). */
  readonly renewDeadlineMs?: number;
  /** How often to renew or to try (default 2 s). */
  readonly retryMs?: number;
}

export interface Candidacy {
  isLeader(): boolean;
  /** Who holds the lease, as last seen. */
  holder(): string | undefined;
  /** Ends the term, waits for `lead` to return, and gives the lease back so that the next one need not wait. */
  stop(): Promise<void>;
}

interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

const FIELD_MANAGER = 'serin';

/** A stopping leader has at most one renewal under way; the rest is spare. */
const RELEASE_ATTEMPTS = 3;

/**
 * Runs for leader until stopped. `lead` is called when a term begins and its signal aborts when the term ends; a next
 * term waits until it has returned.
 */
export function runForLeader(
  deps: LeaseDeps,
  settings: LeaseSettings,
  lead: (signal: AbortSignal) => Promise<void>,
): Candidacy {
  const candidate = new Candidate(deps, settings, lead);
  const running = candidate.run();
  return {
    isLeader: () => candidate.isLeader,
    holder: () => candidate.holder,
    stop: async () => {
      candidate.stopping.abort(new SerinError('SERIN_E_ABORTED', 'The process is stopping. Nothing has to be done.'));
      await running;
    },
  };
}

class Candidate {
  readonly stopping = new AbortController();
  readonly #deps: LeaseDeps;
  readonly #settings: Required<LeaseSettings>;
  readonly #lead: (signal: AbortSignal) => Promise<void>;
  readonly #ref: ObjectRef;
  /** The lease as last read or written, and when it last looked different. */
  #lease: KubeObject | undefined;
  #seenAtMs = 0;
  #renewedAtMs = 0;
  #term: { readonly cut: AbortController; readonly done: Promise<void> } | undefined;

  constructor(deps: LeaseDeps, settings: LeaseSettings, lead: (signal: AbortSignal) => Promise<void>) {
    this.#deps = deps;
    this.#settings = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000, ...settings };
    this.#lead = lead;
    this.#ref = { type: TYPES.lease, namespace: settings.namespace, name: settings.name };
  }

  get isLeader(): boolean {
    return this.#term !== undefined;
  }

  get holder(): string | undefined {
    return specOf(this.#lease).holderIdentity;
  }

  async run(): Promise<void> {
    const { clock, random } = this.#deps;
    const { retryMs } = this.#settings;
    while (!this.stopping.signal.aborted) {
      await this.#tick();
      // Candidates spread out; a leader renews on time.
      const waitMs = this.isLeader ? retryMs : retryMs * (1 + 0.2 * random());
      await clock.sleep(waitMs, this.stopping.signal).catch(() => undefined);
    }
    const wasLeader = this.isLeader;
    await this.#endTerm('stopping');
    if (wasLeader) await this.#release();
  }

  /** One look at the lease, one write at most. */
  async #tick(): Promise<void> {
    const { clock, log } = this.#deps;
    try {
      if (this.#lease === undefined || !this.isLeader) await this.#read();
      if (await this.#mayHold()) {
        await this.#write(this.#ours());
        this.#renewedAtMs = clock.nowMs();
        await this.#beginTerm();
      } else if (this.isLeader) await this.#endTerm('somebody else holds the lease');
    } catch (thrown) {
      if (thrown instanceof SerinError && (thrown.code === 'SERIN_E_CONFLICT' || thrown.code === 'SERIN_E_NOT_FOUND')) {
        // Somebody wrote or deleted it: read it in the next tick, and believe what it says then.
        this.#lease = undefined;
        await this.#endTerm('the lease was written by somebody else');
        return;
      }
      if (this.stopping.signal.aborted) return;
      log.warn({ err: thrown }, 'The leader lease could not be read or renewed.');
      const { renewDeadlineMs } = this.#settings;
      if (this.isLeader && clock.nowMs() - this.#renewedAtMs >= renewDeadlineMs) {
        await this.#endTerm('the lease could not be renewed in time');
      }
    }
  }

  async #read(): Promise<void> {
    const found = await this.#deps.kube.get(this.#ref, this.#timeLimit());
    const isChanged = found?.metadata.resourceVersion !== this.#lease?.metadata.resourceVersion;
    if (isChanged || this.#seenAtMs === 0) this.#seenAtMs = this.#deps.clock.nowMs();
    this.#lease = found;
  }

  async #mayHold(): Promise<boolean> {
    const spec = specOf(this.#lease);
    const { identity, durationMs } = this.#settings;
    if (this.#lease === undefined || (spec.holderIdentity ?? '') === '' || spec.holderIdentity === identity)
      return true;
    // The holder's own promise counts, not what this process was told.
    const theirsMs = (spec.leaseDurationSeconds ?? durationMs / 1_000) * 1_000;
    return this.#deps.clock.nowMs() - this.#seenAtMs > theirsMs;
  }

  #ours(): LeaseSpec {
    const before = specOf(this.#lease);
    const { identity, durationMs } = this.#settings;
    const now = microTime(this.#deps.clock.nowMs());
    const isRenewal = before.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(durationMs / 1_000),
      acquireTime: isRenewal ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before.leaseTransitions ?? 0) + (isRenewal || this.#lease === undefined ? 0 : 1),
    };
  }

  async #write(spec: LeaseSpec, signal = this.#timeLimit()): Promise<void> {
    const { kube, clock } = this.#deps;
    const version = this.#lease?.metadata.resourceVersion;
    if (this.#lease === undefined) {
      const { name, namespace } = this.#settings;
      const metadata = { name, namespace };
      const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
      this.#lease = await kube.create(lease, FIELD_MANAGER, signal);
    } else {
      this.#lease = await kube.patch(
        {
          kind: 'json',
          target: this.#ref,
          fieldManager: FIELD_MANAGER,
          operations: [
            { op: 'test', path: '/metadata/resourceVersion', value: version },
            { op: 'add', path: '/spec', value: spec },
          ],
        },
        signal,
      );
    }
    this.#seenAtMs = clock.nowMs();
  }

  async #beginTerm(): Promise<void> {
    if (this.#term !== undefined || this.stopping.signal.aborted) return;
    const { log, onChange } = this.#deps;
    const cut = new AbortController();
    log.info({ identity: this.#settings.identity }, 'This process leads: it watches and schedules.');
    onChange?.(true);
    const done = this.#lead(cut.signal).catch((err: unknown) => {
      log.error({ err }, 'Leading failed; the term ends with the lease.');
    });
    this.#term = { cut, done };
  }

  async #endTerm(because: string): Promise<void> {
    const term = this.#term;
    if (term === undefined) return;
    term.cut.abort(new SerinError('SERIN_E_ABORTED', `Leadership ended: ${because}. Another process goes on.`));
    await term.done;
    this.#term = undefined;
    this.#deps.log.info({ because }, 'This process no longer leads.');
    this.#deps.onChange?.(false);
  }

  /**
   * Gives the lease back. A renewal that was under way when the process was told to stop may have been carried out
   * without its answer being heard, so the lease is read anew, and a renewal that lands in between costs one more try.
   */
  async #release(): Promise<void> {
    const within = AbortSignal.timeout(2_000);
    try {
      for (let attempt = 0; attempt < RELEASE_ATTEMPTS; attempt++) {
        this.#lease = await this.#deps.kube.get(this.#ref, within);
        const { holderIdentity, leaseTransitions = 0 } = specOf(this.#lease);
        if (holderIdentity !== this.#settings.identity) return;
        const now = microTime(this.#deps.clock.nowMs());
        const times = { leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
        if (await this.#isWritten({ holderIdentity: '', leaseTransitions, ...times }, within)) return;
      }
      throw new SerinError('SERIN_E_CONFLICT', 'The leader lease kept changing. It runs out by itself.');
    } catch (err) {
      this.#deps.log.info({ err }, 'The leader lease was not given back; it runs out by itself.');
    }
  }

  /** False when somebody else wrote first. */
  async #isWritten(spec: LeaseSpec, within: AbortSignal): Promise<boolean> {
    try {
      await this.#write(spec, within);
      return true;
    } catch (thrown) {
      if (thrown instanceof SerinError && thrown.code === 'SERIN_E_CONFLICT') return false;
      throw thrown;
    }
  }

  /** No request may outlast the deadline by which a leader must have renewed. */
  #timeLimit(): AbortSignal {
    const { renewDeadlineMs } = this.#settings;
    const sinceMs = this.isLeader ? this.#deps.clock.nowMs() - this.#renewedAtMs : 0;
    const limitMs = Math.max(100, Math.min(renewDeadlineMs / 2, renewDeadlineMs - sinceMs));
    return AbortSignal.any([this.stopping.signal, AbortSignal.timeout(Math.ceil(limitMs))]);
  }
}

function specOf(lease: KubeObject | undefined): LeaseSpec {
  return (lease?.['spec'] as LeaseSpec | undefined) ?? {}; // the API server keeps to the schema of Lease
}

/** `metav1.MicroTime`: exactly six digits of a second. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}

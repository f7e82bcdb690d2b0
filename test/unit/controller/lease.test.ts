import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { type Candidacy, runForLeader } from '../../../src/controller/lease.ts';
import { SerinError } from '../../../src/errors.ts';
import { silentLog } from '../../../src/logger.ts';
import { createManualClock, type ManualClock, settle } from '../../support/manual-clock.ts';
import { createMemoryKube, type MemoryKube } from '../../support/memory-kube.ts';

const ref = { type: TYPES.lease, namespace: 'serin', name: 'serin' };

let kube: MemoryKube;
let clock: ManualClock;
let leading: string[];
let candidates: Candidacy[];

beforeEach(() => {
  kube = createMemoryKube();
  clock = createManualClock();
  leading = [];
  candidates = [];
});

afterEach(async () => {
  kube.fault = undefined;
  await Promise.all(candidates.map((each) => each.stop()));
});

type Patch = () => Promise<KubeObject>;

/** Starts a candidate; `faulty` makes its requests fail while it answers true, `around` stands between it and its patches. */
function start(
  identity: string,
  faulty: () => boolean = () => false,
  around: (patch: Patch) => Promise<KubeObject> = (patch) => patch(),
): Candidacy {
  const own = (): void => {
    if (faulty()) throw new SerinError('SERIN_E_KUBERNETES', 'The API server is away. Wait.');
  };
  const candidacy = runForLeader(
    {
      clock,
      random: () => 0.5,
      log: silentLog,
      kube: {
        get: async (...args) => (own(), kube.get(...args)),
        create: async (...args) => (own(), kube.create(...args)),
        patch: async (...args) => (own(), around(() => kube.patch(...args))),
      },
    },
    { namespace: 'serin', name: 'serin', identity },
    async (signal) => {
      leading.push(identity);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      leading = leading.filter((each) => each !== identity);
    },
  );
  candidates.push(candidacy);
  return candidacy;
}

const leaseSpec = async () => (await kube.get(ref))?.['spec'] as Record<string, unknown>;

describe('leader lease', () => {
  test('the first candidate creates the lease and leads, the second waits', async () => {
    start('a');
    await settle();
    start('b');
    await clock.advance(60_000);
    expect(leading).toEqual(['a']);
    const spec = await leaseSpec();
    expect(spec['holderIdentity']).toBe('a');
    expect(spec['renewTime']).toMatch(/\.\d{6}Z$/);
    expect(spec['leaseTransitions']).toBe(0);
  });

  test('two candidates that start at the same moment never both lead', async () => {
    start('a');
    start('b');
    await clock.advance(30_000);
    expect(leading).toHaveLength(1);
  });

  test('a leader that stops gives the lease back, and the next one leads within one try', async () => {
    const first = start('a');
    await settle();
    start('b');
    await clock.advance(5_000);
    await first.stop();
    expect(leading).toEqual([]);
    await clock.advance(3_000);
    expect(leading).toEqual(['b']);
    expect((await leaseSpec())['leaseTransitions']).toBe(1);
  });

  test('a renewal that lands while the leader gives the lease back costs one more try', async () => {
    let isBetween = false;
    const first = start('a', undefined, async (patch) => {
      if (isBetween) {
        isBetween = false;
        const held = await kube.get(ref);
        kube.put({ ...held!, metadata: { ...held!.metadata, annotations: { renewed: 'late' } } });
      }
      return patch();
    });
    await settle();
    start('b');
    await clock.advance(5_000);
    isBetween = true;
    await first.stop();
    expect(isBetween).toBe(false);
    await clock.advance(3_000);
    expect(leading).toEqual(['b']);
  });

  test('a renewal that was carried out unheard does not keep the lease from being given back', async () => {
    let isUnheard = false;
    const first = start('a', undefined, async (patch) => {
      const lease = await patch();
      if (!isUnheard) return lease;
      isUnheard = false;
      throw new SerinError('SERIN_E_KUBERNETES', 'The answer was lost. Wait.');
    });
    await settle();
    start('b');
    await clock.advance(5_000);
    isUnheard = true;
    await clock.advance(2_000);
    expect(isUnheard).toBe(false);
    await first.stop();
    await clock.advance(3_000);
    expect(leading).toEqual(['b']);
  });

  test('a leader cut off from the API server gives up before its lease may be taken', async () => {
    let isCutOff = false;
    start('a', () => isCutOff);
    await settle();
    const second = start('b');
    await clock.advance(5_000);
    isCutOff = true;
    await clock.advance(8_500);
    expect(leading).toEqual(['a']);
    await clock.advance(4_000);
    expect(leading).toEqual([]);
    await clock.advance(10_000);
    expect(leading).toEqual(['b']);
    expect(second.isLeader()).toBe(true);
    expect(second.holder()).toBe('b');
  });

  test('a lease that somebody else renews is never taken, however old the times in it look', async () => {
    const renew = (renewTime: string) =>
      kube.put({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'serin', namespace: 'serin' },
        spec: { holderIdentity: 'other', leaseDurationSeconds: 15, renewTime, leaseTransitions: 3 },
      });
    renew('2001-01-01T00:00:00.000000Z');
    const candidate = start('a');
    for (let round = 0; round < 10; round++) {
      await clock.advance(10_000);
      renew('2001-01-01T00:00:00.000000Z');
    }
    expect(candidate.isLeader()).toBe(false);
    await clock.advance(18_000);
    expect(candidate.isLeader()).toBe(true);
    expect((await leaseSpec())['leaseTransitions']).toBe(4);
  });

  test('a lease written by somebody else ends the term at once', async () => {
    start('a');
    await clock.advance(5_000);
    const held = await kube.get(ref);
    kube.put({ ...held!, spec: { ...(held!['spec'] as object), holderIdentity: 'thief' } });
    await clock.advance(2_000);
    expect(leading).toEqual([]);
  });

  test('a deleted lease is created again', async () => {
    start('a');
    await clock.advance(5_000);
    kube.drop(ref);
    await clock.advance(6_000);
    expect(leading).toEqual(['a']);
    expect((await leaseSpec())['holderIdentity']).toBe('a');
  });

  test('a process that comes back under its name gets its own lease at once', async () => {
    kube.put({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'serin', namespace: 'serin' },
      spec: { holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 },
    });
    start('a');
    await settle();
    expect(leading).toEqual(['a']);
  });
});

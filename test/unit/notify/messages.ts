/** Messages as the release of `design/screens.md` would send them. */
import type { ReleaseMessage } from '../../../src/notify/port.ts';

const base = {
  namespace: 'shop',
  release: 'web',
  revision: { stable: '5449b8c487', canary: 'bf669489b' },
  timeMs: Date.UTC(2026, 10, 21, 14, 2, 31),
} as const;

export const started: ReleaseMessage = {
  ...base,
  announcement: {
    id: 'uid-1/bf669489b/1/started',
    what: 'started',
    severity: 'Normal',
    reason: 'NewRevision',
    message: 'Revision bf669489b was found; it goes 10, 25, 50, 100 %.',
  },
  weight: 0,
  elapsedMs: 0,
  facts: [],
};

export const aborted: ReleaseMessage = {
  ...base,
  announcement: {
    id: 'uid-1/bf669489b/1/aborted',
    what: 'aborted',
    severity: 'Warning',
    reason: 'ErrorsAboveStable',
    message: 'Aborted at 25 %: the canary fails more often than stable. Traffic is at 100 % stable.',
  },
  weight: 25,
  elapsedMs: 100_000,
  facts: ['errors: canary 5.06 % against stable 0.50 % (10×, at least 8×) · odds 3 100 : 1'],
};

export const held: ReleaseMessage = {
  ...base,
  announcement: {
    id: 'uid-1/bf669489b/1/held',
    what: 'held',
    severity: 'Warning',
    reason: 'TooFewRequests',
    message: 'There is too little traffic to decide at 10 %: 41 requests, 400 are needed. Wait, or raise the weight.',
  },
  weight: 10,
  elapsedMs: 22 * 60_000,
  facts: [],
};

export const promoted: ReleaseMessage = {
  ...base,
  announcement: {
    id: 'uid-1/bf669489b/1/promoted',
    what: 'promoted',
    severity: 'Normal',
    reason: 'Promoted',
    message: 'bf669489b has all the traffic; 5449b8c487 was stable before.',
  },
  weight: 100,
  elapsedMs: (2 * 60 + 5) * 60_000,
  facts: ['errors: canary 0.49 % against stable 0.50 %'],
};

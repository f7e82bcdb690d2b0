/** Two Releases for one target: the older one wins, in every process alike. */
import { expect, test } from 'vitest';
import { conflictOf } from '../../../src/release/claims.ts';
import { aSpec } from './world.ts';

const claimant = (
  name: string,
  members: readonly [string, string],
  virtualService = name,
  routes?: readonly string[],
  created = '2026-01-01T00:00:00Z',
) => ({
  metadata: {
    name,
    namespace: 'shop',
    uid: `uid-${name}`,
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: created,
  },
  spec: aSpec({
    workload: { pair: { members: [...members] } },
    traffic: {
      istio: { virtualService: { name: virtualService, ...(routes === undefined ? {} : { routes: [...routes] }) } },
    },
  }),
});

const web = claimant('web', ['web-v1', 'web-v2'], 'web', ['main']);

test.each([
  ['nothing shared', claimant('api', ['api-v1', 'api-v2']), undefined],
  ['a shared member', claimant('api', ['web-v2', 'api-v2']), 'Deployment web-v2'],
  ['a shared route', claimant('api', ['api-v1', 'api-v2'], 'web', ['main']), 'VirtualService web, route main,'],
  ['other routes of the same VirtualService', claimant('api', ['api-v1', 'api-v2'], 'web', ['other']), undefined],
  ['all routes that lead to other workloads', claimant('api', ['api-v1', 'api-v2'], 'web'), undefined],
])('%s', (_name, other, shared) => {
  const [mine, theirs] = [conflictOf(web, [web, other]), conflictOf(other, [web, other])];
  // "api" is older by uid.
  expect(mine?.message).toBe(
    shared === undefined
      ? undefined
      : `${shared} is already steered by the older Release shop/api. Delete one of the two, or let them name different objects.`,
  );
  expect(theirs).toBeUndefined();
});

test('creation decides before the uid does', () => {
  const young = claimant('api', ['web-v1', 'web-v2'], 'web', ['main'], '2026-01-02T00:00:00Z');
  expect(conflictOf(young, [web])?.reason).toBe('TargetConflict');
  expect(conflictOf(web, [young])).toBeUndefined();
});

test('another namespace is another world', () => {
  const elsewhere = {
    ...claimant('aaa', ['web-v1', 'web-v2']),
    metadata: { ...web.metadata, namespace: 'other', uid: 'a' },
  };
  expect(conflictOf(web, [elsewhere])).toBeUndefined();
});

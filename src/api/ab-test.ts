/** strategy.abTest: some requests go to the new version for a fixed time, told apart by a header or a cookie; then it is decided for all. */
import Type, { type Static } from 'typebox';
import { RequestMatch } from './request-match.ts';
import { duration } from './schema.ts';

export const AbTest = Type.Object(
  {
    match: RequestMatch,
    duration: duration('How long; the verdict is taken at its end. A canary that is found bad is given up at once.'),
  },
  { description: 'The requests that match go to the new version for a fixed time, then all or none do.' },
);
export type AbTest = Static<typeof AbTest>;

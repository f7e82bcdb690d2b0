/** strategy.rollingUpdate: the pods of one Deployment are replaced, with judged pauses on the way. */
import Type, { type Static } from 'typebox';

export const RollingUpdate = Type.Object(
  {
    pauses: Type.Array(
      Type.String({
        description: 'Share of all pods that are new, 1% to 80%.',
        maxLength: 3,
        pattern: '^([1-9]|[1-7][0-9]|80)%$',
      }),
      {
        description:
          'Where it waits until the new pods have passed; after the last one the Deployment’s own rollout goes on.',
        minItems: 1,
        maxItems: 32,
        'x-kubernetes-list-type': 'atomic',
      },
    ),
  },
  {
    description: 'The pods of one Deployment are replaced, with judged pauses; shares of requests are shares of pods.',
  },
);
export type RollingUpdate = Static<typeof RollingUpdate>;

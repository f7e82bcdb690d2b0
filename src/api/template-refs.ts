/** Which templates are judged together: the same list wherever a Release has an analysis. */
import Type from 'typebox';
import { literals, name, rules } from './schema.ts';

export const TemplateRefs = Type.Array(
  Type.Object(
    {
      name: name('Name of the template.'),
      clusterScope: Type.Optional(Type.Boolean({ description: 'It is a ClusterAnalysisTemplate.', default: false })),
      group: Type.Optional(
        literals(['argoproj.io'], 'A template of Argo Rollouts, read in place; left out: one of serin.dev.'),
      ),
    },
    { description: 'A template.' },
  ),
  {
    description: 'Templates whose metrics are judged together.',
    minItems: 1,
    maxItems: 8,
    'x-kubernetes-list-type': 'atomic',
    ...rules({
      rule: 'self.all(one, self.exists_one(other, other.name == one.name && (has(other.clusterScope) && other.clusterScope) == (has(one.clusterScope) && one.clusterScope) && has(other.group) == has(one.group)))',
      message: 'a template is named twice: its evidence would count twice; name it once',
    }),
  },
);

/** Prometheus' relabelling, action `replace`: joins the source labels with `;`, anchors the expression at both ends. */
import { needOf, type Relabelling } from '../../../src/cli/query/needs.ts';
import type { Story } from './scenario.ts';
import type { Labels } from './shape.ts';

export interface Relabellings {
  readonly target: readonly Relabelling[];
  readonly series: readonly Relabelling[];
}

/** The labels after all rules, in order. */
export function relabel(labels: Labels, rules: readonly Relabelling[]): Labels {
  let result = labels;
  for (const { source_labels, regex, target_label, replacement = '$1' } of rules) {
    const joined = source_labels.map((label) => result[label] ?? '').join(';');
    const match = new RegExp(`^(?:${regex})$`).exec(joined);
    if (match === null) continue;
    result = { ...result, [target_label]: replacement.replaceAll('$1', match[1] ?? '') };
  }
  return result;
}

/** The relabelling that a query asks for; rules that are written for one release are written for the story's. */
export function relabellingsFor(needs: string | undefined, story: Story): Relabellings {
  const need = needOf(needs);
  if (need === undefined) return { target: [], series: [] };
  const route = story.workloads.stable.replace(/-v1$/, '');
  const rules = need.rules.map((rule) => ({
    ...rule,
    regex: rule.regex
      .replace('shop/web', `${story.namespace}/${route}`)
      .replace('k8s-shop-webcanar', `k8s-${story.namespace}-${shortName(story.workloads.canary)}`)
      .replace('k8s-shop-webstabl', `k8s-${story.namespace}-${shortName(story.workloads.stable)}`),
    ...(rule.replacement === undefined
      ? {}
      : {
          replacement: rule.replacement
            .replace('web-stable', story.workloads.stable)
            .replace('web-canary', story.workloads.canary),
        }),
  }));
  return need.where === 'relabel_configs' ? { target: rules, series: [] } : { target: [], series: rules };
}

/** As the AWS Load Balancer Controller shortens names. */
const shortName = (workload: string): string => workload.replaceAll('-', '').slice(0, 8);

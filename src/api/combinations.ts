/**
 * Which workload, strategy and router go together (contracts 11). CEL rules, findings, the reference page and tests come from
 * this table. `planned` rows are designed but not built: a Release that names one is refused with the reason given here.
 */

export const WORKLOADS = ['pair', 'deployment', 'argoRollout', 'kruiseRollout'] as const;
export const STRATEGIES = ['canary', 'blueGreen', 'abTest', 'rollingUpdate', 'recreate'] as const;
/** `none`: no `spec.traffic`, weights are replica counts. */
export const ROUTERS = ['none', 'istio', 'gatewayAPI', 'ingress', 'service'] as const;

/** Workloads whose own controller owns steps and traffic: `strategy` and `traffic` are refused there. */
export const OWN_STEPS_WORKLOADS = [
  'argoRollout',
  'kruiseRollout',
] as const satisfies readonly (typeof WORKLOADS)[number][];

type WorkloadName = (typeof WORKLOADS)[number];
type StrategyName = (typeof STRATEGIES)[number];
type RouterName = (typeof ROUTERS)[number];

type Combination =
  | { readonly kind: 'works' }
  | { readonly kind: 'planned' }
  /** Never: with the reason, as a sentence that says what to write instead. */
  | { readonly kind: 'never'; readonly because: string };

/** What the schemas accept today. */
export const TODAY = {
  workloads: ['pair', 'deployment', 'argoRollout', 'kruiseRollout'],
  strategies: ['canary', 'blueGreen', 'abTest', 'rollingUpdate', 'recreate'],
  routers: ['istio', 'service'],
} as const satisfies {
  readonly workloads: readonly [WorkloadName, ...WorkloadName[]];
  readonly strategies: readonly [StrategyName, ...StrategyName[]];
  readonly routers: readonly [RouterName, ...RouterName[]];
};

const WORKS: Combination = { kind: 'works' };
const PLANNED: Combination = { kind: 'planned' };
const never = (because: string): Combination => ({ kind: 'never', because });

/** What a workload does with each strategy when `traffic` allows it; what is left out is planned for every router. */
const OWN_STEPS = never('The rollout object owns its steps and its traffic. Leave strategy and traffic out.');
const NEEDS_ROUTER = never('Users are told apart by a router. Name one in spec.traffic.');
const NEEDS_SWITCH = never(
  'Users are switched from one version to the other. Name their Service in spec.traffic.service.',
);
const ALL_OR_NOTHING = never('A Service sends all requests to one version. Write blueGreen, or name another router.');
const NEEDS_PODS_OF_ONE = never('The pods of one Deployment are replaced. Write `deployment` as the workload.');
const NO_TRAFFIC = never(
  'The Deployment replaces its pods by itself and no traffic is steered. Leave spec.traffic out.',
);

const TEMPLATE_IS_YOURS = never(
  'Once the old pods are stopped, going back needs the old template in your Deployment, which Serin never writes. Write `pair`; or, where two versions may run side by side for a while, blueGreen or rollingUpdate.',
);

/** Nothing but the workload is named there; see `OWN_STEPS_WORKLOADS`. */
export const ownsSteps = (workload: string): boolean => OWN_STEPS_WORKLOADS.some((name) => name === workload);

/** The meaning of one combination. */
export function combinationOf(workload: WorkloadName, strategy: StrategyName, router: RouterName): Combination {
  if (ownsSteps(workload)) return OWN_STEPS;
  if (strategy === 'rollingUpdate' || strategy === 'recreate') {
    if (workload === 'pair' && strategy === 'rollingUpdate') return NEEDS_PODS_OF_ONE;
    if (router !== 'none') return NO_TRAFFIC;
    return workload === 'deployment' && strategy === 'recreate' ? TEMPLATE_IS_YOURS : WORKS;
  }
  if (strategy === 'abTest' && router === 'none') return NEEDS_ROUTER;
  if (strategy === 'blueGreen' && router === 'none') return NEEDS_SWITCH;
  if (strategy !== 'blueGreen' && router === 'service') return ALL_OR_NOTHING;
  const isOurs = workload === 'pair' || workload === 'deployment';
  if (isOurs && (router === 'istio' || router === 'service')) return WORKS;
  return isOurs && strategy === 'canary' && router === 'none' ? WORKS : PLANNED;
}

interface CombinationRow {
  readonly workload: WorkloadName;
  readonly strategy: StrategyName;
  readonly router: RouterName;
  readonly combination: Combination;
}

/** The whole table, in the order of the lists above. */
export function combinationTable(): readonly CombinationRow[] {
  return WORKLOADS.flatMap((workload) =>
    STRATEGIES.flatMap((strategy) =>
      ROUTERS.map((router) => ({ workload, strategy, router, combination: combinationOf(workload, strategy, router) })),
    ),
  );
}

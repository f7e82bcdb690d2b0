/** PromQL functions by what they take, so that `rate(x)` is told from `rate(x[5m])`. From Prometheus' own documentation of functions. */

/** Functions of samples over time: they need a range, such as `x[5m]`. */
export const RANGE_FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'absent_over_time avg_over_time changes count_over_time delta deriv double_exponential_smoothing first_over_time holt_winters ' +
    'idelta increase irate last_over_time mad_over_time max_over_time min_over_time predict_linear present_over_time quantile_over_time ' +
    'rate resets stddev_over_time stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time'
  ).split(' '),
);

/** Functions of values at one instant. */
const INSTANT_FUNCTIONS =
  'abs absent acos acosh asin asinh atan atanh ceil clamp clamp_max clamp_min cos cosh day_of_month day_of_week day_of_year ' +
  'days_in_month deg exp floor histogram_avg histogram_count histogram_fraction histogram_quantile histogram_quantiles ' +
  'histogram_stddev histogram_stdvar histogram_sum hour info label_join label_replace ln log10 log2 minute month pi rad round ' +
  'scalar sgn sin sinh sort sort_by_label sort_by_label_desc sort_desc sqrt tan tanh time timestamp vector year';

const AGGREGATIONS = 'avg bottomk count count_values group limit_ratio limitk max min quantile stddev stdvar sum topk';

/** Everything that may stand before a bracket. */
export const KNOWN_FUNCTIONS: readonly string[] = [
  ...RANGE_FUNCTIONS,
  ...INSTANT_FUNCTIONS.split(' '),
  ...AGGREGATIONS.split(' '),
];

/** How a counter grows: at least two samples must be in the range. */
export const GROWTH_FUNCTIONS: ReadonlySet<string> = new Set(['rate', 'irate', 'increase', 'delta', 'idelta', 'deriv']);

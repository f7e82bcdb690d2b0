/** Both arms over one interval, the only thing the tests look at. Real numbers: Prometheus gives fractions. */
export interface ArmCounts {
  readonly canaryBad: number;
  readonly canaryTotal: number;
  readonly stableBad: number;
  readonly stableTotal: number;
}

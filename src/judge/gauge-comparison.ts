/** One gauge, canary against stable, a baseline or a bound: blocks of six intervals, paired, O(1) in time. */
import {
  type ArmSums,
  type Differences,
  addArms,
  addDifference,
  copyArms,
  openArms,
  openDifferences,
  pairedLogOdds,
  pairedMean,
} from '../stats/paired.ts';
import { lineOf } from './comparison.ts';
import type { GaugeMeans } from './observation.ts';
import type { MarginNumbers } from './preset.ts';

/** Owned by one metric; `addGauge` changes it in place. */
export interface GaugeComparison {
  /** Share of the run's evidence, 0–1. */
  readonly share: number;
  readonly mustPass: boolean;
  readonly isLower?: true;
  /** Differences in ln (margins are ratios only) or in the gauge's unit. */
  readonly isLog: boolean;
  /** Running block: its number, intervals in it, sums of the means. */
  block: number;
  blockIntervals: number;
  canarySum: number;
  controlSum: number;
  /** Beyond the fail line, beyond the pass line, and canary − control. */
  readonly fail: Differences;
  readonly pass: Differences;
  readonly plain: Differences;
  /** Both sides in the gauge's unit: what is shown beside `plain`. */
  readonly arms: ArmSums;
  /** Over all used intervals. */
  canaryTotal: number;
  controlTotal: number;
  intervals: number;
}

export interface GaugeTerms {
  readonly fail: MarginNumbers;
  readonly pass: MarginNumbers;
  readonly constant?: number;
  readonly index: number;
}

/** Intervals in a block (1 min at 10 s), and how many of them must have been measured. */
export const BLOCK_INTERVALS = 6;
const ENOUGH_OF_A_BLOCK = 3;

export function openGauge(
  given: Pick<GaugeComparison, 'share' | 'mustPass' | 'isLower'>,
  margins: { readonly fail: MarginNumbers; readonly pass: MarginNumbers },
): GaugeComparison {
  return {
    ...given,
    isLog: margins.fail.difference === 0 && margins.pass.difference === 0,
    block: -1,
    blockIntervals: 0,
    canarySum: 0,
    controlSum: 0,
    fail: openDifferences(),
    pass: openDifferences(),
    plain: openDifferences(),
    arms: openArms(),
    canaryTotal: 0,
    controlTotal: 0,
    intervals: 0,
  };
}

/** Shares nothing that `addGauge` changes. */
export function copyGauge(gauge: GaugeComparison): GaugeComparison {
  const { fail, pass, plain, arms } = gauge;
  return { ...gauge, fail: { ...fail }, pass: { ...pass }, plain: { ...plain }, arms: copyArms(arms) };
}

/** Beyond it, and below its inverse where ratios are, squares no more fit into a number; nothing that is measured comes near. */
export const LARGEST_GAUGE = 1e100;

/** Whether both values can be compared: finite, and above zero where ratios are. */
export function areComparable({ canary, stable }: GaugeMeans, isLog: boolean, constant: number | undefined): boolean {
  const control = constant ?? stable;
  if (!Number.isFinite(canary) || !Number.isFinite(control)) return false;
  return !isLog || Math.min(canary, control) >= 1 / LARGEST_GAUGE;
}

/** Adds one comparable interval; a block counts at its last interval, or when the next one begins. */
export function addGauge(gauge: GaugeComparison, { canary, stable }: GaugeMeans, terms: GaugeTerms): void {
  const control = terms.constant ?? stable;
  const block = Math.floor(terms.index / BLOCK_INTERVALS);
  if (block !== gauge.block) closeBlock(gauge, terms);
  gauge.block = block;
  gauge.blockIntervals++;
  gauge.canarySum += canary;
  gauge.controlSum += control;
  gauge.canaryTotal += canary;
  gauge.controlTotal += control;
  gauge.intervals++;
  if (terms.index % BLOCK_INTERVALS === BLOCK_INTERVALS - 1) closeBlock(gauge, terms);
}

/** E: odds against a canary within the fail margin. */
export function gaugeOdds(gauge: GaugeComparison): number {
  return Math.exp(Math.min(690, pairedLogOdds(pairedMean(gauge.fail))));
}

/** ln odds against a canary beyond the pass margin. */
export function gaugePassLogOdds(gauge: GaugeComparison): number {
  return pairedLogOdds(pairedMean(gauge.pass));
}

function closeBlock(gauge: GaugeComparison, terms: GaugeTerms): void {
  const [intervals, canarySum, controlSum] = [gauge.blockIntervals, gauge.canarySum, gauge.controlSum];
  gauge.blockIntervals = 0;
  gauge.canarySum = 0;
  gauge.controlSum = 0;
  if (intervals < ENOUGH_OF_A_BLOCK) return;
  const [canary, control] = [canarySum / intervals, controlSum / intervals];
  const beyond = (margin: MarginNumbers): number => {
    const line = lineOf(margin, gauge.isLower, terms.constant);
    const at = line.bound ?? line.ratio * control + line.difference;
    const above = gauge.isLog ? Math.log(canary / at) : canary - at;
    return line.isLower === true ? -above : above;
  };
  addDifference(gauge.fail, beyond(terms.fail));
  // The pass side asks the mirrored question: how far inside the margin.
  addDifference(gauge.pass, -beyond(terms.pass));
  addDifference(gauge.plain, gauge.isLog ? Math.log(canary / control) : canary - control);
  addArms(gauge.arms, canary, control);
}

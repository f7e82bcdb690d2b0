/** What the three presets mean in numbers, and how the error probability of a release is split over its attempts. */

const PRESETS = ['sharp', 'recommended', 'tolerant'] as const;
export type Preset = (typeof PRESETS)[number];

/** A margin inside: canary ≤ ratio × stable + difference, both as fractions. */
export interface MarginNumbers {
  readonly ratio: number;
  readonly difference: number;
}

export interface PresetNumbers {
  /** Up to here the canary counts as healthy: the null hypothesis of the fail side. */
  readonly fail: MarginNumbers;
  /** Below this the canary counts as proven good: the null hypothesis of the pass side. */
  readonly pass: MarginNumbers;
}

const FAIL_RATIO: Readonly<Record<Preset, number>> = { sharp: 1, recommended: 1.1, tolerant: 1.25 };
const PASS: MarginNumbers = { ratio: 1.5, difference: 0.0005 };
const PASS_CRITICAL: MarginNumbers = { ratio: 1.25, difference: 0.0002 };

/**
 * Margins of a preset. `tolerant` with a critical metric would have equal fail and pass ratios (1.25); its pass ratio is
 * widened to 1.5, because between the two margins must lie room for "no difference that matters".
 */
export function presetRule(preset: Preset, isCritical: boolean): PresetNumbers {
  const ratio = FAIL_RATIO[preset];
  const pass = isCritical && ratio < PASS_CRITICAL.ratio ? PASS_CRITICAL : PASS;
  return { fail: { ratio, difference: 0 }, pass };
}

/**
 * Error probability of attempt k of one revision: 0.63·α·0.37^(k−1), which sums to α over all attempts, so retrying can
 * never add up to more false aborts than were allowed for the release.
 */
export function levelOfAttempt(alpha: number, attempt: number): number {
  return alpha * 0.63 * 0.37 ** (attempt - 1);
}

/**
 * Probability of a false pass of attempt k of one revision: α·0.2^(k−1), at most 1.25·α over all attempts. The first has the whole
 * of α, because revisions hardly ever pass on a second try that did not on the first; those that are tried again pay for it (deploy/adr/0028).
 */
export function passLevelOfAttempt(alpha: number, attempt: number): number {
  return alpha * 0.2 ** (attempt - 1);
}

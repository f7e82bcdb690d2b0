/** Every section, in the order in which it is run and printed. */
import { equal } from './equal.ts';
import { latency } from './latency.ts';
import { metrics } from './metrics.ts';
import { passing } from './passing.ts';
import { planner } from './planner.ts';
import { detection, onset } from './regressions.ts';
import type { Section } from './section.ts';
import { paces, settings } from './settings.ts';
import { speed } from './speed.ts';

export const SECTIONS: ReadonlyMap<string, Section> = new Map(
  Object.entries({ equal, detection, onset, passing, latency, metrics, settings, paces, planner, speed }),
);

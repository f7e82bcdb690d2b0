/** Everything that checks may look at: all objects of one call, and Serin's own library. */
import type { LintFinding } from './finding.ts';
import type { SourceObject } from './source.ts';
import type { Library } from './library.ts';

export interface LintOptions {
  /** How often Prometheus scrapes. */
  readonly scrapeMs: number;
  /** The service's poll grid; absent: its default. */
  readonly gridMs?: number;
  /** Requests per second of the whole workload; absent: unknown, and steps are judged as if there were plenty. */
  readonly requestsPerSecond?: number;
  /** Share of bad requests now, 0–1. */
  readonly badShare: number;
}

export interface LintContext {
  readonly objects: readonly SourceObject[];
  /** Specs of Serin's own MetricQueries and ClusterAnalysisTemplates by `Kind/name`. */
  readonly library: Library;
  readonly options: LintOptions;
}

/** One kind of mistake, looked for in one object. Total: any value gives findings, never an exception. */
export type Check = (object: SourceObject, context: LintContext) => readonly LintFinding[];

/** An object of the files: in the same namespace, or where one of the two does not say which. */
export function findObject(
  { objects }: LintContext,
  wanted: {
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly group: string;
  },
): SourceObject | undefined {
  return objects.find(
    ({ kind, name, namespace, apiVersion }) =>
      kind === wanted.kind &&
      name === wanted.name &&
      groupOf(apiVersion) === wanted.group &&
      (namespace === undefined || wanted.namespace === undefined || namespace === wanted.namespace),
  );
}

/** `apps` of `apps/v1`; empty for the core group. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

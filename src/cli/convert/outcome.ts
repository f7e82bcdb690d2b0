/** What a conversion makes, and what it cannot: every loss is named with its field and with what to write instead. */

export interface Loss {
  /** File and field, e.g. `canary.yaml: spec.analysis.webhooks[0]`. */
  readonly where: string;
  /** What is lost or means something else now, and what to do, as sentences. */
  readonly message: string;
}

export interface Made {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly spec: Readonly<Record<string, unknown>>;
}

export interface Outcome {
  readonly objects: readonly Made[];
  readonly losses: readonly Loss[];
}

export const NOTHING: Outcome = { objects: [], losses: [] };

export function joined(outcomes: readonly Outcome[]): Outcome {
  return { objects: outcomes.flatMap(({ objects }) => objects), losses: outcomes.flatMap(({ losses }) => losses) };
}

/** Losses below one field. */
export function losing(where: string): (field: string, message: string) => Loss {
  const joint = (field: string): string =>
    field === '' || field.startsWith('[') ? '' : where.endsWith(':') ? ' ' : '.';
  return (field, message) => ({ where: `${where}${joint(field)}${field}`, message });
}

/** A name that Kubernetes and Serin accept: `Success Rate_5m` → `success-rate-5m`. */
export function nameOf(text: string, fallback: string): string {
  const plain = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
  return plain === '' ? fallback : plain;
}

/** Arguments that are secrets, put into a metric just before it is measured; they live as long as the measurement. */
import { isFields } from '../../api/fields.ts';
import type { ResolvedMeasure, SecretArgument } from '../../api/measure.ts';
import { messageOf } from '../../errors.ts';
import type { KubeReader } from '../../kube/port.ts';
import { readSecret } from '../../kube/secret.ts';

export type Filled =
  | {
      readonly kind: 'filled';
      readonly measure: ResolvedMeasure;
      /** The values that were put in. */
      readonly secrets: readonly string[];
      /** A condition holds one of them. */
      readonly isConditionSecret: boolean;
    }
  | { readonly kind: 'error'; readonly message: string };

const placeholder = (name: string): string => `{{args.${name}}}`;

/** Rejects only when the signal aborts. */
export async function fillSecrets(
  measure: ResolvedMeasure,
  known: readonly SecretArgument[],
  read: (secret: SecretArgument) => Promise<string>,
): Promise<Filled> {
  const text = JSON.stringify(measure);
  const used = known.filter(({ name }) => text.includes(placeholder(name)));
  const values = new Map<string, string>();
  for (const secret of used) {
    try {
      values.set(secret.name, await read(secret));
    } catch (thrown) {
      return { kind: 'error', message: messageOf(thrown) };
    }
  }
  const put = (one: string): string =>
    used.reduce((whole, { name }) => whole.replaceAll(placeholder(name), () => values.get(name) ?? ''), one);
  const conditions = `${measure.successCondition ?? ''}${measure.failureCondition ?? ''}`;
  return {
    kind: 'filled',
    measure: used.length === 0 ? measure : walk(measure, put),
    secrets: [...values.values()],
    isConditionSecret: used.some(({ name }) => conditions.includes(placeholder(name))),
  };
}

/** Reads each Secret once for all metrics of one look. */
export function secretReader(
  kube: Pick<KubeReader, 'get'>,
  namespace: string,
  signal: AbortSignal,
): (secret: SecretArgument) => Promise<string> {
  const reading = new Map<string, Promise<string>>();
  return async ({ name, secretKeyRef }) => {
    const value = reading.get(name) ?? readSecret(kube, namespace, secretKeyRef, signal);
    reading.set(name, value);
    try {
      return await value;
    } finally {
      signal.throwIfAborted();
    }
  };
}

/** The shape stays, only strings change. */
function walk<T>(value: T, put: (text: string) => string): T {
  const change = (one: unknown): unknown => {
    if (typeof one === 'string') return put(one);
    if (Array.isArray(one)) return one.map(change);
    if (!isFields(one)) return one;
    return Object.fromEntries(Object.entries(one).map(([key, item]) => [key, change(item)]));
  };
  return change(value) as T;
}

/** What a path asks for: a document (discovery, health) or a resource, with namespace, name and subresource. */

export interface ResourceRoute {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

/** `undefined` for paths that are not of the form of a resource. */
export function parseResourcePath(pathname: string): ResourceRoute | undefined {
  const parts = pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  const core = parts[0] === 'api';
  if (!core && parts[0] !== 'apis') return undefined;
  const group = core ? '' : parts[1];
  const version = core ? parts[1] : parts[2];
  const rest = parts.slice(core ? 2 : 3);
  if (group === undefined || version === undefined || rest.length === 0) return undefined;
  const [first, second, third, fourth, fifth, ...more] = rest;
  if (more.length > 0 || first === undefined) return undefined;
  const inNamespace = first === 'namespaces' && third !== undefined && !isNamespaceSubresource(third, fourth);
  if (inNamespace) return { group, version, plural: third, namespace: second, name: fourth, subresource: fifth };
  if (fourth !== undefined) return undefined;
  return { group, version, plural: first, namespace: undefined, name: second, subresource: third };
}

/** `/namespaces/x/status` is about the namespace; `/namespaces/x/pods` is about what is in it. */
const isNamespaceSubresource = (third: string, fourth: string | undefined): boolean =>
  fourth === undefined && (third === 'status' || third === 'finalize');

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Names of Services inside the cluster. */
const CLUSTER_DOMAIN = 'svc.cluster.local';

export function serviceHost(name: string, namespace: string): string {
  return `${name}.${namespace}.${CLUSTER_DOMAIN}`;
}

/** Istio expands names without a dot by the namespace of the object that names them; anything else is complete. */
export function fullHost(host: string, namespace: string): string {
  return host === '*' || host.includes('.') ? host.toLowerCase() : serviceHost(host.toLowerCase(), namespace);
}

/** Under which `Host` a sidecar in `namespace` finds a fully qualified name. */
export function spellings(host: string, namespace: string): readonly string[] {
  const suffix = `.${CLUSTER_DOMAIN}`;
  if (!host.endsWith(suffix)) return [host];
  const short = host.slice(0, -suffix.length);
  const [name, home] = short.split('.');
  const names = [host, `${short}.svc`, short];
  return home === namespace && name !== undefined ? [...names, name] : names;
}

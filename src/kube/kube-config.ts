/**
 * `KubeConfig` of @kubernetes/client-node (who we are, whom we trust, exec plugins, OIDC, in-cluster) without its generated
 * API: 24 MB of sources that Serin never calls and that would cost 40 MiB and 0.3 s in every process.
 */
import { registerHooks } from 'node:module';
import type { KubeConfig as ClientKubeConfig } from '@kubernetes/client-node';

type KubeConfigClass = typeof ClientKubeConfig;

const PACKAGE = '@kubernetes/client-node';
/** Marks this file's own instances of the package's modules, so that whoever imports the package gets a whole one. */
const MARK = '?serin';
/** `KubeConfig.makeApiClient`, which Serin does not use, would need these two. */
const NO_API = 'data:text/javascript,export const createConfiguration = undefined, ServerConfiguration = undefined;';

async function loadWithoutApi(): Promise<KubeConfigClass> {
  const entry = new URL(`./config.js${MARK}`, import.meta.resolve(PACKAGE)).href;
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (context.parentURL?.endsWith(MARK) !== true || !specifier.startsWith('.')) return next(specifier, context);
      if (specifier === './gen/index.js') return { url: NO_API, format: 'module', shortCircuit: true };
      const resolved = next(specifier, context);
      return resolved.url.endsWith('.js') ? { ...resolved, url: resolved.url + MARK } : resolved;
    },
  });
  try {
    return ((await import(entry)) as { KubeConfig: KubeConfigClass }).KubeConfig;
  } finally {
    hooks.deregister();
  }
}

async function load(): Promise<KubeConfigClass> {
  try {
    return await loadWithoutApi();
  } catch {
    // Another layout of the package, or a runtime without hooks: the whole of it does the same.
    return (await import(PACKAGE)).KubeConfig;
  }
}

export const KubeConfig: KubeConfigClass = await load();
export type KubeConfig = ClientKubeConfig;

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a script in a fresh Node, because module instances are what this is about. */
async function run(script: string): Promise<unknown> {
  const args = ['--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return JSON.parse(stdout);
}

describe('the kubeconfig reader', () => {
  test('comes without the generated API, and leaves the package whole for others', async () => {
    const result = await run(`
      import { registerHooks } from 'node:module';
      let models = 0;
      const hooks = registerHooks({ load: (url, context, next) => { if (url.includes('/gen/models/')) models++; return next(url, context); } });
      const { KubeConfig } = await import('./src/kube/kube-config.ts');
      hooks.deregister();
      const modelsForUs = models;
      const whole = await import('@kubernetes/client-node');
      const config = new whole.KubeConfig();
      config.loadFromClusterAndUser({ name: 'c', server: 'https://127.0.0.1:1' }, { name: 'u' });
      const api = config.makeApiClient(whole.CoreV1Api);
      console.log(JSON.stringify({ modelsForUs, isOwn: KubeConfig !== whole.KubeConfig, works: typeof new KubeConfig().loadFromString, api: typeof api.listNode }));
    `);
    expect(result).toEqual({ modelsForUs: 0, isOwn: true, works: 'function', api: 'function' });
  });
});

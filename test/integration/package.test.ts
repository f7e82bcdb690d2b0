/** The package as it is installed: a bundle below `node_modules`, where Node strips no types, with all the files it reads. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiServer } from '../../src/sandbox/apiserver/server.ts';
import { releaseServer } from '../support/release-server.ts';
import { startServe, writeKubeconfig } from '../support/serve.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;
let serin: (...words: readonly string[]) => Promise<string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serin-package-'));
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root });
  const installed = join(folder, 'node_modules', 'serin');
  await mkdir(installed, { recursive: true });
  await run('tar', [
    '-xzf',
    join(folder, stdout.trim().split('\n').at(-1) ?? ''),
    '--strip-components=1',
    '-C',
    installed,
  ]);
  await symlink(join(root, 'node_modules'), join(installed, 'node_modules'));
  await symlink(join(installed, 'dist', 'main.js'), join(folder, 'serin'));
  serin = async (...words) => {
    const options = { cwd: folder, env: { ...process.env, HOME: folder, KUBECONFIG: join(folder, 'none') } };
    return (await run(process.execPath, [join(folder, 'serin'), ...words], options)).stdout;
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('an installed package', () => {
  test('knows its version', async () => {
    expect(await serin('version')).toMatch(/^serin \d+\.\d+\.\d+ \(node /);
  });

  test('holds no sources that Node could not run there', async () => {
    const { stdout } = await run('find', [join(folder, 'node_modules', 'serin'), '-name', '*.ts']);
    expect(stdout).toBe('');
  });

  test('has the library of queries and templates', async () => {
    expect(await serin('query', 'show', 'istio-requests')).toContain('istio_requests_total');
    await cp(join(root, 'deploy', 'examples'), join(folder, 'examples'), { recursive: true });
    expect(await serin('lint', 'examples/pair/istio.yaml')).toContain('nothing wrong');
    expect(await serin('test', 'examples/tests')).toMatch(/passed/);
  });

  test('serves, with the queue in a process of its own', async () => {
    const server = await startApiServer();
    const kubeconfig = await writeKubeconfig(server.url);
    const kinds = await releaseServer(kubeconfig.path, () => server.stop());
    const settings = {
      kubeconfig: kubeconfig.path,
      prometheusUrl: 'http://127.0.0.1:9',
      queue: 'embedded',
      leaseNamespace: 'default',
    };
    const serve = await startServe(settings, join(folder, 'serin'));
    try {
      await serve.ready();
      serve.signal('SIGTERM');
      expect(await serve.exit).toBe(0);
    } finally {
      serve.signal('SIGKILL');
      await kinds.stop();
      await kubeconfig.remove();
    }
  });
});

import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KubeObject } from '../../src/api/meta.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { type ServeProcess, startServe, writeKubeconfig } from '../support/serve.ts';
import { eventually, startStubApiServer, type StubApiServer } from '../support/stub-api-server.ts';
import { describeWith } from '../support/tools.ts';

describe('serin serve', () => {
  test('ends with 2 and every mistake when the settings are wrong', async () => {
    const serve = await startServe({ grid: 'x', shards: '0' });
    expect(await serve.exit).toBe(2);
    expect(serve.output()).toContain('--grid is "x"');
    expect(serve.output()).toContain('--shards is "0"');
    expect(serve.output()).toContain('no Prometheus is named');
    expect(serve.output()).not.toContain('    at ');
  });
});

describeWith(['redis'], 'serin serve on Redis', () => {
  let server: StubApiServer;
  let redis: TestRedis;
  let kubeconfig: { readonly path: string; remove(): Promise<void> };
  let serve: ServeProcess;
  let lease: KubeObject | undefined;

  beforeEach(async () => {
    server = await startStubApiServer();
    redis = await startRedis();
    kubeconfig = await writeKubeconfig(server.url);
    lease = undefined;
    // The one object that matters here: the leader's lease.
    server.answer = ({ method, path, body }) => {
      if (!path.includes('/leases')) return { status: 404, body: {} };
      if (method === 'GET') return lease === undefined ? { status: 404, body: {} } : { status: 200, body: lease };
      const sent = JSON.parse(body) as KubeObject | { readonly path: string; readonly value: unknown }[];
      const spec = Array.isArray(sent) ? sent.find((each) => each.path === '/spec')?.value : sent['spec'];
      lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'serin', resourceVersion: `${server.requests.length}` },
        spec,
      };
      return { status: 200, body: lease };
    };
  });
  afterEach(async () => {
    serve.signal('SIGKILL');
    await serve.exit;
    await kubeconfig.remove();
    await redis.stop();
    await server.close();
  });

  const start = async (settings: Readonly<Record<string, string>> = {}): Promise<void> => {
    const common = {
      kubeconfig: kubeconfig.path,
      redisUrl: redis.url,
      prometheusUrl: 'http://127.0.0.1:9',
      identity: 'one',
    };
    serve = await startServe({ ...common, ...settings });
  };
  const holder = () => (lease?.['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity;

  test('becomes ready, leads, and ends with 0 on SIGTERM after giving the lease back', async () => {
    await start();
    await serve.ready();
    await eventually('it leads', () => holder() === 'one');
    expect(await (await fetch(`${serve.url}/metrics`)).text()).toContain('serin_leader{identity="one"} 1');
    serve.signal('SIGTERM');
    expect(await serve.exit).toBe(0);
    expect(holder()).toBe('');
    expect(serve.output()).toContain('Serin has stopped.');
  });

  test('ends with 0 when it is asked to stop while it still waits for the API server', async () => {
    server.fault = () => ({ status: 503 });
    await start();
    await eventually('it waits', () => serve.output().includes('A watch broke and is started again.'), 10_000);
    const probe = await fetch(`${serve.url}/readyz`);
    expect(probe.status).toBe(503);
    expect(await probe.text()).toContain('[-] kubernetes: Release');
    expect((await fetch(`${serve.url}/livez`)).status).toBe(200);
    serve.signal('SIGINT');
    expect(await serve.exit).toBe(0);
  });

  test('waits for a Redis that is away, and says so', async () => {
    await redis.kill();
    await start();
    await eventually('it says so', () => serve.output().includes('The queue store cannot be opened'), 10_000);
    await redis.start();
    await serve.ready();
    serve.signal('SIGTERM');
    expect(await serve.exit).toBe(0);
  });

  test('is not ready while the resource definitions are missing', async () => {
    server.fault = ({ path }) => (path.includes('serin.dev') ? { status: 404 } : undefined);
    await start();
    await eventually('it works', () => serve.output().includes('Serin works.'), 10_000);
    const probe = await fetch(`${serve.url}/readyz`);
    expect(probe.status).toBe(503);
    expect(await probe.text()).toContain('install the resource definitions');
  });

  /** A Release whose every reading waits until `answer` says otherwise. */
  const holdReleases = (): { readonly held: () => boolean; letGo: () => void } => {
    const release = {
      apiVersion: 'serin.dev/v1alpha1',
      kind: 'Release',
      metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', generation: 1 },
      spec: { workload: { pair: { members: ['a', 'b'] } }, strategy: { canary: { stepWeights: [10] } } },
    };
    let isHolding = true;
    server.fault = ({ method, path, query }) => {
      if (path.endsWith('/namespaces/default/releases/web')) return isHolding ? 'hang' : undefined;
      const isList = method === 'GET' && path.endsWith('/releases') && query.get('watch') === null;
      return isList ? { status: 200, body: { metadata: { resourceVersion: '1' }, items: [release] } } : undefined;
    };
    return {
      held: () => server.requests.some(({ path }) => path.endsWith('/releases/web')),
      letGo: () => {
        isHolding = false;
      },
    };
  };
  const wait = (ms: number) =>
    new Promise<'still running'>((resolve) => setTimeout(() => resolve('still running'), ms));

  test('waits for a running job on SIGTERM, says that it stops, and aborts the job when the grace is over', async () => {
    const releases = holdReleases();
    await start({ shutdownGrace: '1500ms' });
    await serve.ready();
    await eventually('a job runs', releases.held);
    serve.signal('SIGTERM');
    expect(await Promise.race([serve.exit, wait(700)])).toBe('still running');
    const probe = await fetch(`${serve.url}/readyz`);
    expect(await probe.text()).toContain('[-] shutdown: the process is stopping');
    expect(holder()).toBe('one');
    expect(await serve.exit).toBe(0);
    expect(holder()).toBe('');
  });

  test('ends with 1 at the second signal', async () => {
    const releases = holdReleases();
    await start({ shutdownGrace: '60s' });
    await serve.ready();
    await eventually('a job runs', releases.held);
    serve.signal('SIGTERM');
    await eventually('it stops', () => serve.output().includes('Serin stops'));
    serve.signal('SIGTERM');
    expect(await serve.exit).toBe(1);
    expect(serve.output()).toContain('SIGTERM again');
  });

  test('needs at most 150 MiB when idle', async () => {
    await start();
    await serve.ready();
    await wait(3_000);
    const status = await readFile(`/proc/${serve.pid}/status`, 'utf8');
    const rssMiB = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
    expect(rssMiB).toBeGreaterThan(30);
    expect(rssMiB).toBeLessThan(150);
  });
});

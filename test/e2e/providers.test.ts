/**
 * Templates with checks beside a comparison, as users of Argo Rollouts write them: a web check with a secret, a Prometheus condition and
 * a Job. They pass together, one that fails aborts, one that cannot be measured never advances, and the secret is nowhere.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import { SerinError } from '../../src/errors.ts';
import { HEALTHY, isAborted, isPromoted, type Stand, startApp, startStand, until } from '../support/e2e.ts';
import type { ServeProcess } from '../support/serve.ts';
import { describeWith } from '../support/tools.ts';

const TOKEN = 'hunter2-t0p/s3cret+=';
const SPELLINGS = [TOKEN, encodeURIComponent(TOKEN), Buffer.from(TOKEN).toString('base64').replace(/=+$/, '')];

/** Says `ok` of every app but those that are broken, to those that know the token. */
interface Checks {
  readonly url: string;
  readonly broken: Set<string>;
  readonly asked: string[];
  close(): Promise<void>;
}

async function startChecks(): Promise<Checks> {
  const broken = new Set<string>();
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const app = (request.url ?? '').split(/[/?]/)[1] ?? '';
    asked.push(app);
    const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
    response.writeHead(isKnown ? 200 : 403, { 'content-type': 'application/json' });
    // A careless service repeats what it was sent.
    const status = broken.has(app) ? 'broken' : 'ok';
    response.end(JSON.stringify({ status, echo: request.headers.authorization }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    broken,
    asked,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A template of its own beside the quick one; `{{args.app}}` comes from the Release's name. */
function template(name: string, url: string, metrics: readonly object[] = []): KubeObject {
  const smoke = {
    name: 'smoke',
    interval: '2s',
    count: '{{args.times}}',
    successCondition: 'result.status == "ok"',
    provider: {
      web: {
        url: `${url}/{{args.app}}?again={{args.token}}`,
        headers: [{ key: 'Authorization', value: 'Bearer {{args.token}}' }],
      },
    },
  };
  return {
    apiVersion: 'serin.dev/v1alpha1',
    kind: 'AnalysisTemplate',
    metadata: { name, namespace: 'shop' },
    spec: {
      args: [
        { name: 'app', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'times', value: '2' },
        { name: 'token', valueFrom: { secretKeyRef: { name: 'checks', key: 'token' } } },
      ],
      templates: [{ templateName: 'quick', clusterScope: true }],
      metrics: [smoke, ...metrics],
    },
  };
}

const share = {
  name: 'good-share',
  interval: '2s',
  failureLimit: 3,
  successCondition: 'len(result) == 0 || isNaN(result[0]) || result[0] > 0.5',
  provider: {
    prometheus: {
      query:
        'sum(istio_requests_total{destination_workload="{{args.app}}-v2",response_code!~"5.."}) / sum(istio_requests_total{destination_workload="{{args.app}}-v2"})',
    },
  },
};

/** Argo's kinds as its installation brings them, but for their schemas. */
function argoKinds(): readonly KubeObject[] {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return [TYPES.argoAnalysisTemplate, TYPES.argoClusterAnalysisTemplate].map(
    ({ group, version, kind, plural, namespaced }) => ({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: namespaced ? 'Namespaced' : 'Cluster',
        names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
        versions: [
          {
            name: version,
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: { spec: open } } },
          },
        ],
      },
    }),
  );
}

describeWith(['prometheus', 'kubectl'], 'checks beside a comparison', () => {
  let stand: Stand;
  let service: ServeProcess;
  let checks: Checks;

  beforeAll(async () => {
    checks = await startChecks();
    stand = await startStand({ seed: 'providers' });
    const token = Buffer.from(`${TOKEN}\n`).toString('base64');
    await stand.sandbox.apply([
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'checks', namespace: 'shop' },
        type: 'Opaque',
        data: { token },
      },
      template('checked', checks.url, [share]),
      template('down', 'http://127.0.0.1:9'),
    ]);
    const dry = template('dry', checks.url, [
      { name: 'hopeless', failureCondition: 'true', provider: { prometheus: { query: 'vector(1)' } } },
    ]);
    await stand.sandbox.apply([{ ...dry, spec: { ...(dry['spec'] as object), dryRun: [{ metricName: 'hopel.ss' }] } }]);
    service = await stand.startService({ grid: '2s', prometheusTimeout: '5s' });
  });
  afterAll(async () => {
    await stand?.stop();
    await checks?.close();
  });

  /** Five releases at once: a longer grid and fewer requests leave a slow machine room. */
  const slowly = { interval: '2s', dwell: '4s' };
  const askedFor = (app: string): number => checks.asked.filter((asked) => asked === app).length;
  const analysisWith = (name: string) => ({ rps: 40, analysis: { ...slowly, templates: [{ name }] } });

  test.concurrent('pass together with it: the release is promoted, and the run shows what was measured', async () => {
    const earlier = askedFor('good');
    const good = await startApp(stand, 'good', analysisWith('checked'));
    await good.letOut('v2', '1', HEALTHY);
    const run = await until('the run has all', async () => {
      const found = await good.run();
      return (
        (found?.status?.metricResults ?? []).length === 2 && found?.status?.verdict?.['measures'] !== undefined && found
      );
    });
    expect(run.spec.measures?.map(({ name, count }) => [name, count])).toEqual([
      ['smoke', 2],
      ['good-share', undefined],
    ]);
    expect(run.spec.secrets).toEqual([{ name: 'token', secretKeyRef: { name: 'checks', key: 'token' } }]);
    const status = await good.until('promoted', isPromoted);
    expect(status.history).toMatchObject([{ outcome: 'Promoted', attempt: 1 }]);
    const results = (
      await stand.sandbox.kube.get({ type: TYPES.analysisRun, namespace: 'shop', name: run.metadata.name })
    )?.['status'] as typeof run.status;
    expect(results?.metricResults).toMatchObject([
      { name: 'smoke', phase: 'Successful', count: 2, successful: 2, failed: 0, error: 0 },
      { name: 'good-share', failed: 0 },
    ]);
    expect(results?.metricResults?.[1]?.metadata?.['ResolvedPrometheusQuery']).toContain(
      'destination_workload="good-v2"',
    );
    expect(askedFor('good') - earlier).toBe(2);
  });

  test.concurrent('that fail abort it, although the comparison is fine', async () => {
    checks.broken.add('bad');
    const bad = await startApp(stand, 'bad', analysisWith('checked'));
    await bad.letOut('v2', '1', HEALTHY);
    const status = await bad.until('aborted', isAborted);
    expect(status).toMatchObject({
      reason: 'MeasurementFailed',
      weight: 0,
      verdict: { outcome: 'Fail', metric: 'smoke' },
    });
    expect(status.message).toContain('smoke failed 1 of 1 measurements');
    await until('the Event is there', async () =>
      (await bad.events()).some(({ reason }) => reason === 'MeasurementFailed'),
    );
  });

  test.concurrent('that cannot be measured never let it on, and never abort it', async () => {
    const down = await startApp(stand, 'down', analysisWith('down'));
    await down.letOut('v2', '1', HEALTHY);
    const held = await down.until(
      'it is held',
      ({ phase, message }) => phase === 'Held' && (message ?? '').includes('smoke'),
    );
    expect(held).toMatchObject({ weight: 40, attempt: 1 });
    expect(held.message).toContain('ECONNREFUSED');
    const run = await until('the metric is an Error', async () => {
      const found = await down.run();
      return found?.status?.metricResults?.[0]?.phase === 'Error' && found;
    });
    expect(run.status?.metricResults?.[0]).toMatchObject({ count: 0, error: 5, consecutiveError: 5 });
    expect(await down.status()).toMatchObject({ phase: 'Held', weight: 40, attempt: 1 });
  });

  test.concurrent('in dry run are shown and decide nothing', async () => {
    const dry = await startApp(stand, 'dry', analysisWith('dry'));
    await dry.letOut('v2', '1', HEALTHY);
    const status = await dry.until('promoted', isPromoted);
    const run = await stand.sandbox.kube.list(TYPES.analysisRun, { namespace: 'shop' });
    const own = run.items.find(({ metadata }) => metadata.name.startsWith('dry-'));
    expect(status.history).toMatchObject([{ outcome: 'Promoted' }]);
    expect((own?.['status'] as { metricResults: unknown } | undefined)?.metricResults).toMatchObject([
      { name: 'smoke', phase: 'Successful' },
      { name: 'hopeless', phase: 'Failed', dryRun: true },
    ]);
  });

  test.concurrent('of Argo Rollouts, read in place, judge alone; without its kinds it is said what to do', async () => {
    const earlier = askedFor('theirs');
    // An earlier try installed them.
    await stand.kubectl('delete', 'crd', ...argoKinds().map(({ metadata }) => metadata.name), '--ignore-not-found');
    const theirs = await startApp(stand, 'theirs', {
      rps: 40,
      analysis: { ...slowly, templates: [{ name: 'theirs', group: 'argoproj.io' }] },
    });
    await theirs.letOut('v2', '1', HEALTHY);
    const told = await theirs.until(
      'it is told',
      ({ message }) => message?.includes('argoproj.io AnalysisTemplate') === true,
    );
    expect(told.message).toContain('apply the template with apiVersion serin.dev/v1alpha1 and leave group out');
    expect(told).toMatchObject({ reason: 'TemplateNotFound', weight: 0 });
    await stand.sandbox.apply(argoKinds());
    const { args, metrics } = template('theirs', checks.url)['spec'] as { args: unknown; metrics: readonly object[] };
    await until('the kind is served', async () => {
      await stand.sandbox.apply([
        {
          apiVersion: 'argoproj.io/v1alpha1',
          kind: 'AnalysisTemplate',
          metadata: { name: 'theirs', namespace: 'shop' },
          spec: { args, metrics },
        },
      ]);
      return true;
    });
    const status = await theirs.until('promoted', isPromoted);
    expect(status.history).toMatchObject([{ outcome: 'Promoted', attempt: 1 }]);
    expect(status.weights?.map(({ weight }) => weight)).toEqual(expect.arrayContaining([0, 40, 60, 100]));
    expect(askedFor('theirs') - earlier).toBe(2);
  });

  test('leave their secret nowhere: not in an object, an Event, a message or the log', async () => {
    // After the others: their releases have ended or are held.
    expect(checks.asked.length).toBeGreaterThan(4);
    const types = Object.values(TYPES).filter(({ kind, group }) => kind !== 'Secret' && !group.startsWith('argo'));
    const lists = await Promise.all(
      types.map(async (type) => {
        try {
          return await stand.sandbox.kube.list(type);
        } catch (thrown) {
          // A kind that the sandbox does not have.
          if (thrown instanceof SerinError && thrown.code === 'SERIN_E_NOT_FOUND') return { items: [] };
          throw thrown;
        }
      }),
    );
    const objects = lists.flatMap(({ items }) => items);
    expect(objects.filter(({ kind }) => kind === 'AnalysisRun').length).toBeGreaterThanOrEqual(4);
    expect(objects.filter(({ kind }) => kind === 'Event').length).toBeGreaterThan(0);
    const metrics = await fetch(`${service.url}/metrics`).then((answer) => answer.text());
    const everything = [JSON.stringify(objects), service.output(), metrics];
    expect(everything[0]).toContain('*****');
    for (const text of everything) for (const spelling of SPELLINGS) expect(text).not.toContain(spelling);
  });
});

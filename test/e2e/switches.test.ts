/** Users are switched by the selector of their Service: judged by what testers get before, and by what users get after. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { at } from '../../src/api/fields.ts';
import { API_VERSION, type KubeObject, TYPES } from '../../src/api/meta.ts';
import {
  type App,
  BROKEN,
  HEALTHY,
  isAborted,
  isPromoted,
  QUICK_ANALYSIS,
  type Stand,
  startApp,
  startStand,
  until,
} from '../support/e2e.ts';
import { describeWith } from '../support/tools.ts';

const { templates: _quick, history: _history, ...QUICK } = QUICK_ANALYSIS;
const BOUND = { ...QUICK, templates: [{ name: 'few-errors', clusterScope: true }] };
const SMOKE = { ...QUICK, templates: [{ name: 'answers', clusterScope: true }] };

describeWith(['prometheus', 'kubectl'], 'a switch, on the sandbox', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ seed: 'switches' });
    await stand.sandbox.apply([
      template('few-errors', {
        name: 'errors',
        compare: { query: 'istio-requests', against: { constant: '5%' }, pass: { ratio: 1.5 } },
      }),
      template('answers', {
        name: 'answers',
        successCondition: 'result[0] >= 1',
        provider: { prometheus: { query: 'vector(1)' } },
      }),
    ]);
    await stand.startService();
  });
  afterAll(() => stand.stop());

  const selectorOf = async (name: string): Promise<unknown> =>
    at(await stand.sandbox.kube.get({ type: TYPES.service, namespace: stand.namespace, name }), 'spec', 'selector');

  const appOf = async (name: string, before: unknown): Promise<App> => {
    await stand.sandbox.apply(preview(name, stand.namespace));
    const spec = {
      traffic: { service: { name } },
      analysis: undefined,
      strategy: { blueGreen: { preview: `${name}-preview`, analysis: { before, after: BOUND } } },
    };
    const app = await startApp(stand, name, { edit: toOneVersion, rps: 60, spec });
    await stand.sandbox.startLoad({ name: `${name}-preview`, rps: 40, host: `${name}-preview.example` });
    return app;
  };

  test.concurrent('of a good version: testers get it, then users do, and the preview leads to the old one', async () => {
    const web = await appOf('web', BOUND);
    await web.letOut('v2', '1', HEALTHY);
    await web.until('judged before', ({ step }) => step?.index === 1);
    expect(await selectorOf('web')).toEqual({ app: 'web', version: 'v1' });
    await web.until('judged after', ({ step }) => step?.index === 3);
    expect(await selectorOf('web')).toEqual({ app: 'web', version: 'v2' });
    const status = await web.until('promoted', isPromoted);
    expect(status).toMatchObject({ reason: 'Promoted', pair: { live: 'web-v2' }, verdict: { outcome: 'Pass' } });
    await until('the preview leads to the old version', async () => {
      const selector = await selectorOf('web-preview');
      return at(selector, 'version') === 'v1';
    });
    expect(await selectorOf('web')).toEqual({ app: 'web', version: 'v2' });
  });

  test.concurrent('of a version that testers find broken never comes to users', async () => {
    const cart = await appOf('cart', BOUND);
    await cart.letOut('v2', '1', BROKEN);
    const status = await cart.until('aborted', isAborted);
    expect(status).toMatchObject({ reason: 'AboveBound', history: [{ outcome: 'Aborted', weight: 0 }] });
    expect([await selectorOf('cart'), await selectorOf('cart-preview')]).toEqual([
      { app: 'cart', version: 'v1' },
      { app: 'cart', version: 'v1' },
    ]);
  });

  test.concurrent('of a version that users find broken is taken back, and both Services are as they were', async () => {
    const pay = await appOf('pay', SMOKE);
    await pay.letOut('v2', '1', BROKEN);
    const status = await pay.until('aborted', isAborted);
    expect(status).toMatchObject({ reason: 'AboveBound', history: [{ outcome: 'Aborted', weight: 100 }] });
    expect([await selectorOf('pay'), await selectorOf('pay-preview')]).toEqual([
      { app: 'pay', version: 'v1' },
      { app: 'pay', version: 'v1' },
    ]);
    await until('nothing is measured any more', async () => {
      const phases = 'jsonpath={range .items[*]}{.metadata.name} {.status.phase}{"\\n"}{end}';
      const { stdout } = await stand.kubectl('get', 'analysisruns', '-o', phases);
      const runs = stdout.split('\n').filter((line) => line.startsWith('pay-'));
      return runs.length === 2 && runs.every((run) => run.endsWith(' Terminated'));
    });
  });
});

const template = (name: string, metric: unknown): KubeObject => ({
  apiVersion: API_VERSION,
  kind: 'ClusterAnalysisTemplate',
  metadata: { name },
  spec: { metrics: [metric] },
});

/** A Service for testers, reachable through the gateway under a host of its own. It leads to the live version, as it might in Git. */
function preview(name: string, namespace: string): readonly KubeObject[] {
  const metadata = { name: `${name}-preview`, namespace };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: name, version: 'v1' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata,
      spec: {
        hosts: [`${name}-preview.example`],
        gateways: ['public'],
        http: [{ name: 'main', route: [{ destination: { host: `${name}-preview` } }] }],
      },
    },
  ];
}

/** The mesh only carries the requests; which version gets them is the Service's. */
function toOneVersion(object: KubeObject): KubeObject {
  const { name } = object.metadata;
  const spec = object['spec'] as object;
  if (object.kind === 'Service') return { ...object, spec: { ...spec, selector: { app: name, version: 'v1' } } };
  if (object.kind !== 'VirtualService') return object;
  return { ...object, spec: { ...spec, http: [{ name: 'main', route: [{ destination: { host: name } }] }] } };
}

/**
 * A ready-made app of two versions behind Istio: Deployments `<name>-v1` and `<name>-v2`, one Service, a VirtualService
 * with weights 100/0 and a DestinationRule with a subset per version.
 */
import type { KubeObject } from '../../api/meta.ts';

export interface AppVersion {
  /** Default 2. */
  readonly replicas?: number;
  /** Settings of the sandbox app without their prefix, e.g. `{'error-rate': '0.05', latency: 'lognormal(50ms,0.6)'}`. */
  readonly behaviour?: Readonly<Record<string, string>>;
}

export interface WebApp {
  readonly name: string;
  readonly namespace: string;
  /** By version label, the live one first. */
  readonly versions: Readonly<Record<string, AppVersion>>;
  /** Host under which the gateway serves it; default `<name>.<namespace>.example`. */
  readonly host?: string;
  /** Name of the Gateway of the namespace; one that serves every host comes with the app. */
  readonly gateway?: string;
}

export function webApp(app: WebApp): readonly KubeObject[] {
  const versions = Object.keys(app.versions);
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: app.namespace } },
    ...Object.entries(app.versions).map(([version, how]) => webDeployment(app, version, how)),
    ...routing(app, versions),
  ];
}

/** The Deployment alone: apply it with a new behaviour to release a new version. */
export function webDeployment(
  app: Pick<WebApp, 'name' | 'namespace'>,
  version: string,
  how: AppVersion = {},
): KubeObject {
  const labels = { app: app.name, version };
  const annotations = Object.entries(how.behaviour ?? {}).map(([name, value]) => [`sandbox.serin.dev/${name}`, value]);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: `${app.name}-${version}`, namespace: app.namespace, labels },
    spec: {
      replicas: how.replicas ?? 2,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: Object.fromEntries(annotations) },
        spec: {
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              name: 'app',
              image: `sandbox.serin.dev/${app.name}:${version}`,
              ports: [{ name: 'http', containerPort: 8080 }],
            },
          ],
        },
      },
    },
  };
}

function routing({ name, namespace, host, gateway }: WebApp, versions: readonly string[]): readonly KubeObject[] {
  const istio = 'networking.istio.io/v1';
  const metadata = { name, namespace };
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    },
    {
      apiVersion: istio,
      kind: 'Gateway',
      metadata: { name: gateway ?? 'public', namespace },
      spec: {
        selector: { istio: 'ingressgateway' },
        servers: [{ hosts: ['*'], port: { name: 'http', number: 80, protocol: 'HTTP' } }],
      },
    },
    {
      apiVersion: istio,
      kind: 'DestinationRule',
      metadata,
      spec: { host: name, subsets: versions.map((version) => ({ name: version, labels: { version } })) },
    },
    {
      apiVersion: istio,
      kind: 'VirtualService',
      metadata,
      spec: {
        hosts: [host ?? `${name}.${namespace}.example`, name],
        gateways: [gateway ?? 'public', 'mesh'],
        http: [
          {
            name: 'main',
            route: versions.map((version, index) => ({
              destination: { host: name, subset: version },
              weight: index === 0 ? 100 : 0,
            })),
          },
        ],
      },
    },
  ];
}

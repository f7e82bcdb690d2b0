/**
 * A laptop-sized Kubernetes API server over HTTP: kubectl, helm and every client library work against it. It keeps everything in
 * memory, listens on 127.0.0.1 only, and misbehaves on command. The conformance suite holds it against the real kube-apiserver.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectGarbage } from './controllers/garbage.ts';
import { keepNamespaces } from './controllers/namespaces.ts';
import { serveDefinitions } from './controllers/definitions.ts';
import { Dispatcher, secretPrefix } from './http/dispatch.ts';
import { Faults } from './http/faults.ts';
import { readMessages } from './http/protobuf.ts';
import type { JsonObject } from './json.ts';
import { builtinResources } from './kinds/builtin.ts';
import { Registry } from './kinds/registry.ts';
import { kubeconfigText } from './kubeconfig.ts';
import type { Machine } from './objects/context.ts';
import { create } from './objects/create.ts';
import { OBJECT_META, readBuiltinSchemas } from './schema/builtin.ts';
import { Store } from './store/store.ts';

export interface ApiServerOptions {
  /** 0 lets the system choose. */
  readonly port?: number;
  /** Definitions to serve from the start (objects of kind CustomResourceDefinition). */
  readonly definitions?: readonly JsonObject[];
  /** Milliseconds since the epoch; replaceable so that tests own the time. */
  readonly nowMs?: () => number;
  /** How many events are kept for watches that start in the past; older ones get 410. */
  readonly history?: number;
}

export interface ApiServer {
  /** Ends in a secret path, so that `fetch(url + '/api/v1/pods')` works and nobody else gets in. */
  readonly url: string;
  /** For clients that rather send `Authorization: Bearer` to the origin of `url`. */
  readonly token: string;
  /** YAML text. */
  readonly kubeconfig: string;
  readonly store: Store;
  readonly faults: Faults;
  /** How many watches are open now. */
  readonly openWatches: number;
  /** Cuts all watches and connections. Stopping twice is fine. */
  stop(): Promise<void>;
}

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

const VERSION: JsonObject = {
  major: '1',
  minor: '36',
  gitVersion: 'v1.36.3+serin-sandbox',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2026-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: 'linux/amd64',
};

const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const schemas = readBuiltinSchemas();
  const store = new Store(options.history === undefined ? {} : { history: options.history });
  const registry = new Registry();
  for (const resource of builtinResources(schemas.resolved)) registry.add(resource);
  const machine: Machine = {
    store,
    registry,
    metadataSchema: schemas.resolved[OBJECT_META],
    nowMs: options.nowMs ?? Date.now,
    newUid: randomUUID,
    newSuffix: () => [...randomBytes(5)].map((byte) => SUFFIX_LETTERS.charAt(byte % SUFFIX_LETTERS.length)).join(''),
  };
  const ends = [serveDefinitions(machine), collectGarbage(machine), keepNamespaces(machine)];
  seed(machine, options.definitions ?? []);
  const token = randomBytes(24).toString('base64url');
  const faults = new Faults((fault) => dispatcher.cutWatches(fault));
  const dispatcher = new Dispatcher({
    machine,
    faults,
    token,
    rawSchemas: schemas.raw,
    version: VERSION,
    messages: readMessages(),
  });
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    void dispatcher.handle(request, response);
  });
  await listen(server, options.port ?? 0);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${secretPrefix(token)}`;
  return {
    url,
    token,
    kubeconfig: kubeconfigText(url),
    store,
    faults,
    get openWatches() {
      return dispatcher.openWatches;
    },
    stop: async () => {
      for (const end of ends.splice(0)) end();
      dispatcher.cutWatches();
      await close(server);
    },
  };
}

function seed(machine: Machine, definitions: readonly JsonObject[]): void {
  const write = (group: string, version: string, plural: string, body: JsonObject): void => {
    const resource = machine.registry.find(group, version, plural);
    if (resource === undefined) return;
    create(machine, resource, undefined, structuredClone(body), {
      fieldManager: 'serin-sandbox',
      fieldValidation: 'Ignore',
      dryRun: false,
      force: false,
      subresource: '',
      warnings: [],
    });
  };
  for (const name of NAMESPACES) write('', 'v1', 'namespaces', { metadata: { name } });
  for (const definition of definitions) write('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', definition);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

function close(server: Server): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Conformance: creating, reading and replacing objects of built-in kinds, and what is refused. */
import { describe, expect, test } from 'vitest';
import type { ApiClient } from './apiserver-client.ts';
import { configMap, deployment, expectRefusal, type Refusal, suiteOn } from './apiserver-suite.ts';

interface Creation extends Refusal {
  readonly body?: object;
  readonly text?: string;
  readonly query?: string;
  readonly plural?: string;
}

const labelled = (metadata: object) => ({ body: configMap('x', undefined, metadata) });

/** POST to the collection of config maps, unless `plural` says otherwise. */
const CREATIONS: readonly Creation[] = [
  {
    title: 'an object without a name',
    body: { apiVersion: 'v1', kind: 'ConfigMap' },
    status: 422,
    reason: 'Invalid',
    says: 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
  },
  {
    title: 'a name with capitals',
    body: configMap('A_b'),
    status: 422,
    reason: 'Invalid',
    says: 'metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain must consist of',
  },
  {
    title: 'another namespace in the body',
    ...labelled({ namespace: 'elsewhere' }),
    status: 400,
    reason: 'BadRequest',
    says: 'the namespace of the provided object does not match the namespace sent on the request',
  },
  {
    title: 'a resourceVersion',
    ...labelled({ resourceVersion: '5' }),
    status: 500,
    reason: undefined,
    says: 'resourceVersion should not be set on objects to be created',
  },
  {
    title: 'a body of another kind',
    body: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } },
    status: 400,
    reason: 'BadRequest',
    says: 'Pod in version "v1" cannot be handled as a ConfigMap',
  },
  {
    title: 'a body of an unknown version',
    body: { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'x' } },
    status: 400,
    reason: 'BadRequest',
    says: 'no kind "ConfigMap" is registered for version "v2"',
  },
  {
    title: 'half a JSON text',
    text: '{"a":',
    status: 400,
    reason: 'BadRequest',
    says: 'json parse error: unexpected end of JSON input',
  },
  {
    title: 'a number where text belongs',
    body: { ...configMap('x'), data: { a: 1 } },
    status: 400,
    reason: 'BadRequest',
    says: 'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
  },
  {
    title: 'a label that is a number',
    ...labelled({ labels: { a: 1 } }),
    status: 400,
    reason: 'BadRequest',
    says: 'Go struct field ObjectMeta.metadata.labels of type string',
  },
  {
    title: 'a label value with odd characters',
    ...labelled({ labels: { a: '!!' } }),
    status: 422,
    reason: 'Invalid',
    says: 'metadata.labels: Invalid value: "!!": a valid label must be an empty string or consist of',
  },
  {
    title: 'an annotation key with a space',
    ...labelled({ annotations: { 'a b': 'x' } }),
    status: 422,
    reason: 'Invalid',
    says: 'metadata.annotations: Invalid value: "a b": name part must consist of',
  },
  {
    title: 'a finalizer without a domain',
    ...labelled({ finalizers: ['foo'] }),
    status: 422,
    reason: 'Invalid',
    says: 'metadata.finalizers[0]: Invalid value: "foo": name is neither a standard finalizer name nor is it fully qualified',
  },
  {
    title: 'an owner without name and uid',
    ...labelled({ ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: '', uid: '' }] }),
    status: 422,
    reason: 'Invalid',
    says: '[metadata.ownerReferences.name: Invalid value: "": must not be empty, metadata.ownerReferences.uid:',
  },
  {
    title: 'an unknown field, strictly',
    body: { ...configMap('x'), foo: 1 },
    query: '?fieldValidation=Strict',
    status: 400,
    reason: 'BadRequest',
    says: 'strict decoding error: unknown field "foo"',
  },
  {
    title: 'an unknown way of validation',
    body: configMap('x'),
    query: '?fieldValidation=Foo',
    status: 422,
    reason: 'Invalid',
    says: 'fieldValidation: Unsupported value: "Foo": supported values: "", "Ignore", "Strict", "Warn"',
  },
];

const WORKLOADS: readonly Creation[] = [
  {
    title: 'a Deployment without a selector',
    body: deployment('x', { selector: undefined }),
    status: 422,
    reason: 'Invalid',
    says: 'Deployment.apps "x" is invalid: [spec.selector: Required value, spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`]',
  },
  {
    title: 'a selector that does not match',
    body: deployment('x', { selector: { matchLabels: { app: 'other' } } }),
    status: 422,
    reason: 'Invalid',
    says: 'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`',
  },
  {
    title: 'a template without containers',
    body: deployment('x', { template: { metadata: { labels: { app: 'x' } } } }),
    status: 422,
    reason: 'Invalid',
    says: 'spec.template.spec.containers: Required value',
  },
  {
    title: 'a negative number of replicas',
    body: deployment('x', { replicas: -1 }),
    status: 422,
    reason: 'Invalid',
    says: 'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  },
  {
    title: 'replicas as text',
    body: deployment('x', { replicas: '1' }),
    status: 400,
    reason: 'BadRequest',
    says: 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  },
  {
    title: 'a rolling update inside Recreate',
    body: deployment('x', { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } }),
    status: 422,
    reason: 'Invalid',
    says: "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
  },
];

export function onObjects(client: () => ApiClient): void {
  const suite = suiteOn(client, 'on-objects');
  const maps = () => `${suite.core()}/configmaps`;

  describe('creating', () => {
    test('returns 201 and the object with uid, creation time and resource version', async () => {
      const answer = await suite.call('POST', maps(), { body: configMap('created', { k: 'v' }) });
      expect(answer.status).toBe(201);
      expect(answer.body).toMatchObject({
        kind: 'ConfigMap',
        apiVersion: 'v1',
        data: { k: 'v' },
        metadata: {
          name: 'created',
          namespace: 'on-objects',
          uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
          resourceVersion: expect.stringMatching(/^\d+$/),
          creationTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        },
      });
      expect(answer.body.metadata.generation).toBeUndefined();
    });

    test('the same name twice is 409 AlreadyExists', async () => {
      await suite.ok('POST', maps(), { body: configMap('twice') });
      const answer = await suite.call('POST', maps(), { body: configMap('twice') });
      expect(answer.body).toMatchObject({
        code: 409,
        reason: 'AlreadyExists',
        message: 'configmaps "twice" already exists',
      });
      expect(answer.body.details).toEqual({ name: 'twice', kind: 'configmaps' });
    });

    test('generateName gets five more characters', async () => {
      const body = { ...configMap('x'), metadata: { generateName: 'made-' } };
      const made = await suite.ok('POST', maps(), { body });
      expect(made.metadata).toMatchObject({ generateName: 'made-', name: expect.stringMatching(/^made-[a-z0-9]{5}$/) });
    });

    test('in a namespace that is not there is 404', async () => {
      const answer = await suite.call('POST', '/api/v1/namespaces/none/configmaps', { body: configMap('x') });
      expect(answer.body).toMatchObject({ code: 404, reason: 'NotFound', message: 'namespaces "none" not found' });
    });

    test('a dry run answers as if it had happened and stores nothing', async () => {
      const answer = await suite.call('POST', `${maps()}?dryRun=All`, { body: configMap('dry') });
      expect(answer.status).toBe(201);
      expect((await suite.call('GET', `${maps()}/dry`)).status).toBe(404);
    });

    test('an unknown field is dropped with a warning', async () => {
      const answer = await suite.call('POST', maps(), { body: { ...configMap('warned', { a: 'b' }), foo: 1 } });
      expect(answer.headers['warning']).toBe('299 - "unknown field \\"foo\\""');
      expect(answer.body.foo).toBeUndefined();
    });

    test('YAML is read as YAML 1.1', async () => {
      const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {a: "yes"}\n';
      const body = await suite.ok('POST', maps(), { text, type: 'application/yaml' });
      expect(body.data).toEqual({ a: 'yes' });
      const loose = text.replace('"yes"', 'yes').replace('yaml}', 'yaml-2}');
      expect((await suite.call('POST', maps(), { text: loose, type: 'application/yaml' })).status).toBe(400);
    });

    test.each(CREATIONS)('refuses $title', async (row) => {
      const options = row.text === undefined ? { body: row.body } : { text: row.text };
      expectRefusal(await suite.call('POST', maps() + (row.query ?? ''), options), row);
    });

    test.each(WORKLOADS)('refuses $title', async (row) => {
      expectRefusal(await suite.call('POST', `${suite.apps()}/deployments`, { body: row.body }), row);
    });
  });

  describe('defaults of built-in kinds', () => {
    test('a Deployment gets replicas, strategy, limits and the defaults of its pods', async () => {
      const body = await suite.ok('POST', `${suite.apps()}/deployments?dryRun=All`, {
        body: deployment('defaults', { replicas: undefined }),
      });
      expect(body.metadata.generation).toBe(1);
      expect(body.spec).toMatchObject({
        replicas: 1,
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
        template: {
          spec: {
            restartPolicy: 'Always',
            dnsPolicy: 'ClusterFirst',
            schedulerName: 'default-scheduler',
            terminationGracePeriodSeconds: 30,
            securityContext: {},
            containers: [
              {
                imagePullPolicy: 'IfNotPresent',
                resources: {},
                terminationMessagePath: '/dev/termination-log',
                terminationMessagePolicy: 'File',
                ports: [{ containerPort: 80, protocol: 'TCP' }],
              },
            ],
          },
        },
      });
      expect(body.status).toEqual({});
    });

    test('a Service gets an address, a target port and a type', async () => {
      const spec = { selector: { a: 'b' }, ports: [{ port: 80 }] };
      const body = await suite.ok('POST', `${suite.core()}/services`, {
        body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'addressed' }, spec },
      });
      expect(body.spec).toMatchObject({
        type: 'ClusterIP',
        sessionAffinity: 'None',
        internalTrafficPolicy: 'Cluster',
        ipFamilyPolicy: 'SingleStack',
        clusterIP: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/),
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      });
      expect(body.spec.clusterIPs).toEqual([body.spec.clusterIP]);
    });

    test('stringData of a Secret ends up encoded in data', async () => {
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { a: 'b' } };
      const body = await suite.ok('POST', `${suite.core()}/secrets`, { body: secret });
      expect(body).toMatchObject({ type: 'Opaque', data: { a: 'Yg==' } });
      expect(body.stringData).toBeUndefined();
    });

    test('a namespace is Active and labelled with its name', async () => {
      const body = await suite.ok('GET', '/api/v1/namespaces/on-objects');
      expect(body).toMatchObject({
        metadata: { labels: { 'kubernetes.io/metadata.name': 'on-objects' } },
        status: { phase: 'Active' },
      });
    });
  });

  describe('reading', () => {
    test('a missing object is 404 with group, kind and name', async () => {
      const answer = await suite.call('GET', `${suite.apps()}/deployments/none`);
      expect(answer.body).toMatchObject({
        code: 404,
        reason: 'NotFound',
        message: 'deployments.apps "none" not found',
      });
      expect(answer.body.details).toEqual({ name: 'none', group: 'apps', kind: 'deployments' });
    });

    test('a path of an unknown group is plain text, one of a known group a Status', async () => {
      const unknown = await suite.call('GET', '/apis/no.such.group/v1/things');
      expect({ status: unknown.status, text: unknown.text }).toEqual({ status: 404, text: '404 page not found\n' });
      const known = await suite.call('GET', `${suite.core()}/foos`);
      expect(known.body.message).toBe('the server could not find the requested resource');
    });

    test('POST to an object is 405', async () => {
      const answer = await suite.call('POST', `${maps()}/x`, { body: configMap('x') });
      expect(answer.body).toMatchObject({ code: 405, reason: 'MethodNotAllowed' });
    });

    test('health and version', async () => {
      expect((await suite.call('GET', '/healthz')).text).toBe('ok');
      expect((await suite.call('GET', '/version')).body).toMatchObject({ major: '1', minor: '36' });
    });
  });

  describe('replacing', () => {
    test('PUT replaces and gives a new resource version', async () => {
      const before = await suite.ok('POST', maps(), { body: configMap('put', { a: '1' }) });
      const after = await suite.ok('PUT', `${maps()}/put`, { body: configMap('put', { b: '2' }) });
      expect(after.data).toEqual({ b: '2' });
      expect(Number(after.metadata.resourceVersion)).toBeGreaterThan(Number(before.metadata.resourceVersion));
      expect(after.metadata.uid).toBe(before.metadata.uid);
    });

    test('PUT of the same content changes nothing', async () => {
      const before = await suite.ok('POST', maps(), { body: configMap('same', { a: '1' }) });
      const after = await suite.ok('PUT', `${maps()}/same`, { body: configMap('same', { a: '1' }) });
      expect(after.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    });

    test('an old resource version is 409 Conflict', async () => {
      await suite.ok('POST', maps(), { body: configMap('stale') });
      const body = configMap('stale', { a: '1' }, { resourceVersion: '1' });
      const answer = await suite.call('PUT', `${maps()}/stale`, { body });
      expect(answer.body).toMatchObject({
        code: 409,
        reason: 'Conflict',
        message:
          'Operation cannot be fulfilled on configmaps "stale": the object has been modified; please apply your changes to the latest version and try again',
      });
    });

    test('another uid is 409 Conflict', async () => {
      await suite.ok('POST', maps(), { body: configMap('other-uid') });
      const answer = await suite.call('PUT', `${maps()}/other-uid`, { body: configMap('other-uid', {}, { uid: 'x' }) });
      expect(answer.body).toMatchObject({ code: 409, reason: 'Conflict' });
      expect(answer.body.message).toContain('Precondition failed: UID in precondition: x, UID in object meta: ');
    });

    test('another name is 400', async () => {
      await suite.ok('POST', maps(), { body: configMap('named') });
      const answer = await suite.call('PUT', `${maps()}/named`, { body: configMap('renamed') });
      expect(answer.body).toMatchObject({
        code: 400,
        message: 'the name of the object (renamed) does not match the name on the URL (named)',
      });
    });

    test('a Lease needs the resource version, a missing Lease is created', async () => {
      const leases = `/apis/coordination.k8s.io/v1/namespaces/${suite.namespace()}/leases`;
      const body = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'l' },
        spec: { holderIdentity: 'a' },
      };
      expect((await suite.call('PUT', `${leases}/l`, { body })).status).toBe(201);
      const answer = await suite.call('PUT', `${leases}/l`, { body });
      expect(answer.body.message).toContain(
        'metadata.resourceVersion: Invalid value: 0: must be specified for an update',
      );
    });
  });

  describe('generation and status', () => {
    test('generation counts changes of spec and of a Deployment’s annotations, not labels or status', async () => {
      const path = `${suite.apps()}/deployments/gen`;
      await suite.ok('POST', `${suite.apps()}/deployments`, { body: deployment('gen') });
      await suite.ok('PUT', `${path}/scale`, {
        body: {
          apiVersion: 'autoscaling/v1',
          kind: 'Scale',
          metadata: { name: 'gen', namespace: suite.namespace() },
          spec: { replicas: 0 },
        },
      });
      const generations: number[] = [];
      for (const body of [
        { spec: { minReadySeconds: 3 } },
        { metadata: { labels: { a: 'b' } } },
        { metadata: { annotations: { a: 'b' } } },
        { status: { replicas: 7 } },
      ]) {
        generations.push((await suite.merge(path, body)).body.metadata.generation);
      }
      const first = generations[0] ?? 0;
      expect(generations).toEqual([first, first, first + 1, first + 1]);
    });

    test('status is written through its endpoint only, and the endpoint writes nothing else', async () => {
      const path = `${suite.core()}/pods/lonely`;
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'lonely' },
        spec: { containers: [{ name: 'c', image: 'x' }] },
      };
      const made = await suite.ok('POST', `${suite.core()}/pods`, { body: { ...pod, status: { phase: 'Running' } } });
      expect(made.status).toMatchObject({ phase: 'Pending', qosClass: 'BestEffort' });
      expect((await suite.merge(path, { status: { phase: 'Running' } })).body.status.phase).toBe('Pending');
      const after = await suite.merge(`${path}/status`, {
        spec: { containers: [{ name: 'other', image: 'y' }] },
        status: { phase: 'Running', podIP: '10.1.2.3' },
      });
      expect(after.body.status).toMatchObject({ phase: 'Running', podIP: '10.1.2.3', podIPs: [{ ip: '10.1.2.3' }] });
      expect(after.body.spec.containers[0].name).toBe('c');
      expect(after.body.metadata.generation).toBe(1);
    });

    test('scale shows and changes the replica count', async () => {
      const path = `${suite.apps()}/deployments/scaled`;
      await suite.ok('POST', `${suite.apps()}/deployments`, { body: deployment('scaled') });
      const scale = await suite.ok('GET', `${path}/scale`);
      expect(scale).toMatchObject({
        kind: 'Scale',
        apiVersion: 'autoscaling/v1',
        spec: {},
        status: { selector: 'app=scaled' },
      });
      const answer = await suite.merge(`${path}/scale`, { spec: { replicas: -5 } });
      expect(answer.body.message).toBe(
        'Scale.autoscaling "scaled" is invalid: spec.replicas: Invalid value: -5: must be greater than or equal to 0',
      );
    });

    test('an event of the new group is read by the old one', async () => {
      const events = `/apis/events.k8s.io/v1/namespaces/${suite.namespace()}/events`;
      const body = {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name: 'e' },
        regarding: { kind: 'Pod', name: 'p', namespace: suite.namespace() },
        reason: 'Started',
        note: 'it started',
        type: 'Normal',
        action: 'Start',
        eventTime: '2026-01-01T00:00:00.000000Z',
        reportingController: 'serin.dev/serin',
        reportingInstance: 'serin-0',
      };
      await suite.ok('POST', events, { body });
      expect(await suite.ok('GET', `${suite.core()}/events/e`)).toMatchObject({
        involvedObject: { name: 'p' },
        message: 'it started',
        reportingComponent: 'serin.dev/serin',
        firstTimestamp: null,
      });
    });
  });
}

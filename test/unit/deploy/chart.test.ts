import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CONFIG_KEYS, envOf } from '../../../src/config-settings.ts';
import { SERVICE_NEEDS } from '../../../src/controller/needs.ts';
import { chartFiles } from '../../../src/generate/chart.ts';
import { rulesOf } from '../../../src/generate/permissions.ts';
import { routers } from '../../../src/traffic/registry.ts';
import { workloadAdapters } from '../../../src/workloads/registry.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const chart = join(root, 'deploy/charts/serin');
const read = (path: string): string => readFileSync(join(chart, path), 'utf8');

interface Granted {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const files = chartFiles(root);
const rules = parse(files.get('files/rbac.yaml') ?? '') as {
  readonly cluster: readonly Granted[];
  readonly namespaced: readonly Granted[];
  readonly config: readonly Granted[];
  readonly writes: Readonly<Record<string, readonly Granted[]>>;
};

describe('files that the chart takes from elsewhere', () => {
  test.each([...files.keys()])('%s equals what `npm run generate` writes', (path) => {
    expect(read(path)).toBe(files.get(path));
  });

  test('the permission table reads Secrets and ConfigMaps only by name and where asked for, and writes no workload but through scale', () => {
    const all = [...rules.cluster, ...rules.namespaced, ...Object.values(rules.writes).flat()];
    const sources = all.flatMap(({ resources }) => resources).filter((name) => /secrets|configmaps/.test(name));
    expect(sources).toEqual([]);
    expect(rules.config.map(({ resources, verbs }) => `${verbs.join()} ${resources.join()}`)).toEqual([
      'get configmaps',
      'get secrets',
    ]);
    const writers = all.filter(({ verbs }) => verbs.some((verb) => ['create', 'patch', 'delete'].includes(verb)));
    expect(
      writers.flatMap(({ resources }) => resources).filter((name) => name === 'pods' || name === 'replicasets'),
    ).toEqual([]);
  });
});

describe('what the chart grants', () => {
  test('reading for every adapter, and what each may change under its own name, which is a value', () => {
    const isWrite = (verb: string): boolean => ['create', 'patch', 'delete'].includes(verb);
    const own = new Set(
      rulesOf(SERVICE_NEEDS).flatMap(({ resource, verbs }) => verbs.map((verb) => `${verb} ${resource}`)),
    );
    const shared = rules.namespaced.flatMap(({ resources, verbs }) =>
      verbs.map((verb) => `${verb} ${resources[0] ?? ''}`),
    );
    expect(shared.filter((each) => isWrite(each.split(' ')[0] ?? '') && !own.has(each))).toEqual([]);
    expect(
      Object.values(rules.writes)
        .flatMap((each) => each.flatMap(({ verbs, resources }) => verbs.map((verb) => `${verb} ${resources[0] ?? ''}`)))
        .filter((each) => !isWrite(each.split(' ')[0] ?? '')),
      // What is read on demand, by the adapter alone.
    ).toEqual(['list endpointslices']);
    const names = [...Object.keys(workloadAdapters), ...Object.keys(routers)].toSorted();
    expect(Object.keys(rules.writes).toSorted()).toEqual(names);
    const values = parse(read('values.yaml')) as { rbac: { writes: Record<string, boolean> } };
    expect(Object.keys(values.rbac.writes).toSorted()).toEqual(names);
  });
});

describe('what the chart sets', () => {
  test('every SERIN_ variable of the Deployment is a setting of the service', () => {
    const known = new Set(CONFIG_KEYS.map(envOf));
    const used = [...read('templates/deployment.yaml').matchAll(/name: (SERIN_[A-Z_]+)/g)].map(
      ([, name]) => name ?? '',
    );
    expect(used.filter((name) => !known.has(name))).toEqual([]);
    expect(used.length).toBeGreaterThan(5);
  });

  test('every value has a comment, and its schema knows it', () => {
    const values = parse(read('values.yaml')) as Record<string, unknown>;
    const schema = JSON.parse(read('values.schema.json')) as { properties: Record<string, unknown> };
    expect(Object.keys(values).filter((key) => !(key in schema.properties))).toEqual([]);
    const lines = read('values.yaml').split('\n');
    const bare = lines.filter(
      (line, index) =>
        /^\s*[a-zA-Z]+:\s*\S/.test(line) && !/^\s*# --/.test(lines[index - 1] ?? '') && !/^\s+key: /.test(line),
    );
    expect(bare.filter((line) => !/^\s+(requests|limits|name): /.test(line))).toEqual([]);
  });
});

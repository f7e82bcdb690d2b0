/** Files of the chart that come from elsewhere: CRDs, query library, templates, and the permission table. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { stringify } from 'yaml';
import { CLUSTER_NEEDS, SERVICE_NEEDS } from '../controller/needs.ts';
import { routers } from '../traffic/registry.ts';
import { holdPolicy } from '../workloads/deployment/policy.ts';
import { workloadAdapters } from '../workloads/registry.ts';
import { needsTo, renderRules, rulesOf } from './permissions.ts';

const yamlFiles = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => join(folder, name));

/** Path below the chart → content. */
export function chartFiles(root: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const path of yamlFiles(join(root, 'deploy/crds')))
    files.set(`files/crds/${basename(path)}`, readFileSync(path, 'utf8'));
  for (const folder of ['queries', 'analyses']) {
    for (const path of yamlFiles(join(root, folder)))
      files.set(`files/library/${folder}-${basename(path)}`, readFileSync(path, 'utf8'));
  }
  files.set('files/rbac.yaml', permissionFile());
  files.set('files/hold-policy.yaml', holdPolicyFile());
  return files;
}

function holdPolicyFile(): string {
  const documents = holdPolicy().map((object) => stringify(object, { lineWidth: 0 }));
  return `# Written by \`npm run generate\` from src/workloads/deployment/policy.ts; do not edit.\n${documents.join('---\n')}`;
}

function permissionFile(): string {
  const adapters = [...Object.values(workloadAdapters), ...Object.values(routers)];
  const reads = adapters.flatMap(({ needs }) => needsTo('read', needs));
  return [
    '# Written by `npm run generate` from the needs of the service and its adapters; do not edit.',
    '# Reading Secrets and the Lease have their own Roles in templates/rbac.yaml.',
    'cluster:',
    renderRules(rulesOf(CLUSTER_NEEDS), '  '),
    'namespaced:',
    renderRules(rulesOf([...SERVICE_NEEDS, ...reads]), '  '),
    '# Read by name, only in the namespaces of `configNamespaces` in values.yaml.',
    'config:',
    renderRules(rulesOf(adapters.flatMap(({ needs }) => needs.filter(({ isOptIn }) => isOptIn === true))), '  '),
    '# What each workload and router may change; `rbac.writes` in values.yaml says which of them are granted.',
    'writes:',
    ...adapters.flatMap(({ name, needs }) => [`  ${name}:`, renderRules(rulesOf(needsTo('write', needs)), '    ')]),
    '',
  ].join('\n');
}

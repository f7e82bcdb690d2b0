/** The AnalysisRun that is meant: in a file, or by its own name or its Release's in the cluster. */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import { AnalysisRunSpec } from '../../api/analysis-run.ts';
import { at, isFields, listAt, numberAt, stringAt } from '../../api/fields.ts';
import { TYPES } from '../../api/meta.ts';
import { shapeFindings } from '../../api/shape.ts';
import { SerinError } from '../../errors.ts';
import { changedObjects } from '../../release/changed-objects.ts';
import type { Connection } from '../connection.ts';
import type { Siblings } from './explanation.ts';
import { statusProblem } from './verdict-shape.ts';

/** The one run of a file, or the one named. */
export function runInText(
  text: string,
  file: string,
  documents: readonly unknown[],
  name: string | undefined,
): AnalysisRun {
  const all = documents.flatMap((document) => (at(document, 'kind') === 'List' ? itemsOf(document) : [document]));
  const runs = all.filter((document) => at(document, 'kind') === 'AnalysisRun');
  const named = name === undefined ? runs : runs.filter((run) => isCalled(run, name));
  const [only] = named;
  if (only !== undefined && named.length === 1) {
    const problem = statusProblem(at(only, 'status'));
    if (problem === undefined) return checked(only, file);
    throw new SerinError(
      'SERIN_E_USAGE',
      `${file}: ${problem}, so this is not the status that Serin wrote. Give the run as \`kubectl get analysisrun NAME -o yaml\` writes it.`,
    );
  }
  const names = runs.map((run) => stringAt(run, 'metadata', 'name') ?? '');
  const what =
    text.trim() === '' ? 'is empty' : runs.length === 0 ? 'holds no AnalysisRun' : `holds ${names.join(', ')}`;
  throw new SerinError(
    'SERIN_E_USAGE',
    `${file} ${what}. ${runs.length === 0 ? 'Give a file as `kubectl get analysisrun NAME -o yaml` writes it.' : 'Say which one: serin explain NAME -f FILE.'}`,
  );
}

function itemsOf(list: unknown): readonly unknown[] {
  const items = at(list, 'items');
  return Array.isArray(items) ? items : [];
}

const isCalled = (run: unknown, name: string): boolean =>
  stringAt(run, 'metadata', 'name') === name || stringAt(run, 'spec', 'release', 'name') === name;

function checked(object: unknown, where: string): AnalysisRun {
  const [finding] = shapeFindings(AnalysisRunSpec, at(object, 'spec'), 'spec');
  if (finding !== undefined || !isFields(object)) {
    throw new SerinError(
      'SERIN_E_USAGE',
      `${where}: ${finding?.message ?? 'there is no object. Give one AnalysisRun.'}`,
    );
  }
  const metadata = {
    namespace: 'default',
    uid: '',
    resourceVersion: '',
    name: '',
    ...(isFields(object['metadata']) ? object['metadata'] : {}),
  };
  return { ...object, metadata } as unknown as AnalysisRun; // its spec was just checked; its status is read with care
}

/** A run of that name, or of the Release of that name the run that decided, or is to decide now. */
export async function runInCluster({ kube, namespace }: Connection, name: string): Promise<AnalysisRun> {
  const run = await kube.get({ type: TYPES.analysisRun, namespace, name });
  if (run !== undefined) return checked(run, `AnalysisRun ${namespace}/${name}`);
  const release = await kube.get({ type: TYPES.release, namespace, name });
  if (release === undefined) {
    throw new SerinError(
      'SERIN_E_NOT_FOUND',
      `There is neither an AnalysisRun nor a Release ${namespace}/${name}. \`kubectl get analysisruns -n ${namespace}\` lists the runs.`,
    );
  }
  for (const runName of candidates(release)) {
    const found = await kube.get({ type: TYPES.analysisRun, namespace, name: runName });
    if (found !== undefined) return checked(found, `AnalysisRun ${namespace}/${runName}`);
  }
  throw new SerinError(
    'SERIN_E_NOT_FOUND',
    `Release ${namespace}/${name} has no AnalysisRun now. It gets one when its next step is judged.`,
  );
}

/** Runs of a Release, the one that decided first. */
function candidates(release: unknown): readonly string[] {
  const steps = listAt(release, 'status', 'stepRuns').flatMap((each) => (typeof each === 'string' ? [each] : []));
  const named = [
    stringAt(release, 'status', 'verdict', 'run'),
    ...steps.toReversed(),
    stringAt(release, 'status', 'analysisRun'),
  ];
  return [...new Set(named)].filter((run) => run !== undefined);
}

/** The other runs of the same release, revision and attempt, and which of all decided, as far as the cluster still has them. */
export async function siblingsOf({ kube }: Pick<Connection, 'kube'>, run: AnalysisRun): Promise<Siblings> {
  const { namespace } = run.metadata;
  const { release, revision, attempt } = run.spec;
  const [runs, owner] = await Promise.all([
    kube.list(TYPES.analysisRun, { namespace }),
    kube.get({ type: TYPES.release, namespace, name: release.name }),
  ]);
  const others = runs.items.filter(
    (each) =>
      each.metadata.name !== run.metadata.name &&
      stringAt(each, 'spec', 'release', 'uid') === release.uid &&
      stringAt(each, 'spec', 'revision') === revision &&
      numberAt(each, 'spec', 'attempt') === attempt,
  );
  const isSame = stringAt(owner, 'metadata', 'uid') === release.uid;
  const decided = isSame ? stringAt(owner, 'status', 'verdict', 'run') : undefined;
  const whole = isSame ? stringAt(owner, 'status', 'analysisRun') : undefined;
  const isCurrent = isSame && stringAt(owner, 'status', 'revision', 'canary') === revision;
  const changed = isCurrent ? changedObjects(at(owner, 'status', 'config')) : [];
  return {
    ...(decided === undefined ? {} : { decided }),
    ...(whole === undefined ? {} : { whole }),
    ...(changed.length === 0 ? {} : { changed }),
    others: others
      .map((each) => {
        const outcome = stringAt(each, 'status', 'verdict', 'outcome');
        const says = stringAt(each, 'status', 'verdict', 'says');
        return {
          name: each.metadata.name,
          startedAt: stringAt(each, 'spec', 'startedAt') ?? '',
          phase: stringAt(each, 'status', 'phase') ?? 'Running',
          ...(outcome === undefined ? {} : { outcome }),
          ...(says === undefined ? {} : { says }),
        };
      })
      .toSorted((a, b) => a.startedAt.localeCompare(b.startedAt)),
  };
}

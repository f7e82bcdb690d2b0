/** The AnalysisRun that is meant: in a file, or by its own name or its Release's in the cluster. */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import { AnalysisRunSpec } from '../../api/analysis-run.ts';
import { at, isFields, stringAt } from '../../api/fields.ts';
import { TYPES } from '../../api/meta.ts';
import { shapeFindings } from '../../api/shape.ts';
import { SerinError } from '../../errors.ts';
import type { Connection } from '../connection.ts';

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
  if (only !== undefined && named.length === 1) return checked(only, file);
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

/** A run of that name, or the newest run of the Release of that name. */
export async function runInCluster({ kube, namespace }: Connection, name: string): Promise<AnalysisRun> {
  const run = await kube.get({ type: TYPES.analysisRun, namespace, name });
  if (run !== undefined) return checked(run, `AnalysisRun ${namespace}/${name}`);
  const release = await kube.get({ type: TYPES.release, namespace, name });
  const runName = stringAt(release, 'status', 'analysisRun');
  if (release === undefined) {
    throw new SerinError(
      'SERIN_E_NOT_FOUND',
      `There is neither an AnalysisRun nor a Release ${namespace}/${name}. \`kubectl get analysisruns -n ${namespace}\` lists the runs.`,
    );
  }
  const found =
    runName === undefined ? undefined : await kube.get({ type: TYPES.analysisRun, namespace, name: runName });
  if (found === undefined) {
    throw new SerinError(
      'SERIN_E_NOT_FOUND',
      `Release ${namespace}/${name} has no AnalysisRun now. It gets one when its next step is judged.`,
    );
  }
  return checked(found, `AnalysisRun ${namespace}/${String(runName)}`);
}

/** The page of the query library: what there is for which source, and the relabelling that some of it needs. */
import { formsOf } from '../cli/query/forms.ts';
import { libraryFolder, MEASURES, readLibrary } from '../cli/query/library.ts';
import { NEEDS, renderNeed } from '../cli/query/needs.ts';
import { shapeName } from '../cli/query/render.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|');

export function queriesMarkdown(): string {
  const library = readLibrary(libraryFolder());
  const sources = [...new Set(library.map(({ spec }) => spec.source ?? 'other'))].toSorted();
  const overview = sources.map((source) => {
    const of = library.filter(({ spec }) => (spec.source ?? 'other') === source);
    const cells = MEASURES.map((measure) =>
      of.flatMap(({ name, measures }) => (measures === measure ? [`[${name}](#${name})`] : [])).join(', '),
    );
    return `| ${source} | ${cells.join(' | ')} |`;
  });
  const entries = library.map(({ name, spec, names, needs, advice }) => {
    const { value, whole } = formsOf(spec, { namespace: '$namespace', workload: '$workload' });
    const labels = Object.entries(spec.labels).map(([identity, label]) => `${identity} = \`${label}\``);
    const facts = [
      `${shapeName(spec)} of ${spec.unit ?? 'events'}`,
      labels.join(', '),
      spec.labels.pod === undefined ? 'uncalibrated: no pods' : 'calibrated: knows pods',
      ...(needs === undefined ? [] : [`needs [${needs}](#${needs})`]),
      `names from ${names}`,
    ];
    return `### ${name}\n\n${spec.summary} ${advice}\n\n${facts.join(' · ')}\n\n\`\`\`promql\n# ${value}\n${whole}\n\`\`\``;
  });
  const needs = Object.entries(NEEDS).map(
    ([name, need]) => `### ${name}\n\n${need.why}\n\n\`\`\`yaml\n${renderNeed(need)}\n\`\`\``,
  );
  return [
    ['| Source |', ...MEASURES.map((measure) => ` ${cell(measure)} |`)].join(''),
    ['| --- |', ...MEASURES.map(() => ' --- |')].join(''),
    ...overview,
    '',
    '## Queries',
    '',
    entries.join('\n\n'),
    '',
    '## Labels that must be made',
    '',
    needs.join('\n\n'),
    '',
  ].join('\n');
}

/** Reference pages that come from code outside the API: what can be set, and what is measured. */
import { settingsMarkdown } from '../config-settings.ts';
import { metricsMarkdown } from '../telemetry-table.ts';
import { cliMarkdown } from './cli-page.ts';
import { queriesMarkdown } from './queries-page.ts';

const MADE = '<!-- Made by `npm run generate`; edit the code, not this file. -->';

const SETTINGS = `# Settings of \`serin serve\`

${MADE}

A flag goes before a variable, a variable before the file that \`--config\` or \`SERIN_CONFIG\` names, the file before the default.
Nothing is started while one of them is wrong; every mistake is told at once. \`serin config print\` shows what is in force.

`;

const METRICS = `# Metrics of \`serin serve\`

${MADE}

Served in Prometheus' text format under \`/metrics\`. Times are seconds. No label takes its values from users' free text.

`;

const QUERIES = `# The query library

${MADE}

What comes with Serin as MetricQueries, by source. The PromQL is for looking; verdicts count raw increments of the same series, pod by
pod. \`serin query try --prometheus URL\` says which have data.

`;

const CLI = `# Commands

${MADE}

\`serin --help\` lists the commands, \`serin COMMAND --help\` says more about one. As a plugin of kubectl (\`kubectl-serin\` on the PATH) each
is also \`kubectl serin COMMAND\`. Commands that look at a cluster take \`--kubeconfig\`, \`--context\` and \`-n\` like kubectl; the others need
neither cluster nor network, unless an option names one.

\`npm pack && npm install --global ./serin-*.tgz\` in a checkout puts it on the PATH (Node ≥ 24.11): a bundle of which short commands take
around a tenth of a second. \`npm run serin -- COMMAND\` runs the sources.

Data goes to stdout, errors and remarks to stderr. A command ends with 0 when it did what it was asked, 1 when it could not, 2 when the
command line is wrong; where other numbers mean something, its section says so.

`;

/** Path below the repository → content. */
export const generatedPages = (): ReadonlyMap<string, string> =>
  new Map([
    ['deploy/docs/settings.md', SETTINGS + settingsMarkdown()],
    ['deploy/docs/metrics.md', METRICS + metricsMarkdown()],
    ['deploy/docs/cli.md', CLI + cliMarkdown()],
    ['deploy/docs/queries.md', QUERIES + queriesMarkdown()],
  ]);

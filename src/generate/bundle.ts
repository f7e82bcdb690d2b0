/**
 * Writes `dist/`: the program as a few files of JavaScript, as packages carry it. Node strips no types below `node_modules`, and hundreds
 * of modules take longer to find than to run. Packages with data of their own, and those that only the service loads, stay outside.
 */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** Programs that are started by Node: the command line, and the two child processes. */
const ENTRIES = ['main', 'queue/embedded-process', 'sandbox/cluster/child'];

/** Everything that commands without a cluster load. */
const INSIDE =
  /^(?:typebox|yaml|commander|@marcbachmann\/cel-js|@lezer\/\w+|@prometheus-io\/lezer-promql|re2js|fast-json-patch|simple-statistics)(?:\/|$)/;

const root = fileURLToPath(new URL('../..', import.meta.url));
const isPackage = (id: string): boolean => /^[a-z@]/i.test(id);

const bundle = await rolldown({
  input: Object.fromEntries(ENTRIES.map((name) => [name, `${root}src/${name}.ts`])),
  platform: 'node',
  external: (id) => isPackage(id) && !INSIDE.test(id),
});
await bundle.write({ dir: `${root}dist`, format: 'esm', entryFileNames: '[name].js', cleanDir: true });
await bundle.close();

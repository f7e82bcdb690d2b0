/** A program that starts a sandbox, says where it is, and waits: tests end it in every way a program can end. */
import { startSandbox } from '../../src/sandbox/cluster.ts';

const [prometheusBinary = '', dir = ''] = process.argv.slice(2);
const sandbox = await startSandbox({ seed: 'parent', prometheusBinary, dir });
process.stdout.write(
  `${JSON.stringify({ dir: sandbox.dir, prometheusPid: sandbox.prometheusPid, pid: sandbox.pid })}\n`,
);
setInterval(() => undefined, 60_000);

/**
 * `node src/setup/run.mjs <command> [args]`: makes a fresh checkout ready and runs the command on the project's own Node.
 * Runs on the host's Node 20 with nothing installed; says what it does and for how long; does nothing when all is there.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commands } from './commands.mjs';
import { withLock } from './lock.mjs';
import { install, mismatch } from './packages.mjs';
import { createProgress } from './progress.mjs';
import { run } from './shell.mjs';
import { ensureTools, isReady } from './tools.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** An error whose message is all that a person needs to see. */
class SetupError extends Error {}

async function prepare(plan, progress, signal) {
  const tools = [...plan.needs, ...plan.wants];
  if (mismatch(root) === undefined && tools.every((tool) => isReady(root, tool))) return;
  const waiting = () => progress.print('Another set-up is running in this folder; waiting for it.');
  await withLock(root, waiting, signal, async () => {
    const because = mismatch(root);
    const [missing] = await Promise.all([
      ensureTools(root, tools, progress, signal),
      because === undefined
        ? undefined
        : progress.task(`npm packages (${because})`, (say) => install(root, { say, signal })),
    ]);
    const blocking = missing.filter(({ tool }) => plan.needs.includes(tool));
    if (blocking.length > 0) throw new SetupError(blocking.map((one) => one.missing).join('\n'));
  });
}

/** Runs one program of node_modules/.bin with our terminal; answers its exit code, 128 + n when a signal ended it. */
function runStep({ program, args }, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(root, 'node_modules', '.bin', program), args, { cwd: root, env, stdio: 'inherit' });
    const forward = (name) => {
      // A Ctrl-C at a terminal reaches the child by itself; sending it again would ask it to hurry.
      if (name !== 'SIGINT' || !process.stdin.isTTY) child.kill(name);
    };
    for (const name of FORWARDED) process.on(name, forward);
    child.on('error', reject);
    child.on('close', (code, name) => {
      for (const one of FORWARDED) process.off(one, forward);
      resolve(code ?? 128 + (constants.signals[name] ?? 0));
    });
  });
}

/** Runs steps side by side; answers whether all went well, and prints what those that did not had to say. */
async function runQuiet(steps, env, progress, signal) {
  const one = async (step) => {
    try {
      await run(join(root, 'node_modules', '.bin', step.program), step.args, { cwd: root, env, signal });
      return { ok: true };
    } catch (error) {
      signal.throwIfAborted();
      return { ok: false, step, output: error.output || error.message };
    }
  };
  const results = await Promise.all(
    steps.map((step) =>
      progress.task(
        step.title,
        () => one(step),
        ({ ok }) => ({ ok }),
      ),
    ),
  );
  for (const { ok, step, output } of results)
    if (!ok) progress.print(`\n${step.title}: \`${step.program} ${step.args.join(' ')}\`\n${output}\n`);
  return results.every(({ ok }) => ok);
}

async function main([name, ...args]) {
  if (!(Number(process.versions.node.split('.')[0]) >= 20))
    throw new SetupError(`Node ${process.versions.node} is too old: install Node 20 or newer.`);
  if (!Object.hasOwn(commands, name ?? ''))
    throw new SetupError(`Unknown command "${name ?? ''}". Use one of: ${Object.keys(commands).join(', ')}.`);
  const plan = commands[name](args);
  const progress = createProgress();
  const stopping = new AbortController();
  const stop = (signalName) => stopping.abort(signalName);
  for (const one of FORWARDED) process.on(one, stop);
  try {
    await prepare(plan, progress, stopping.signal);
    stopping.signal.throwIfAborted();
    const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}` };
    const isClean = await runQuiet(plan.quiet ?? [], env, progress, stopping.signal);
    for (const one of FORWARDED) process.off(one, stop);
    for (const step of plan.steps) {
      const code = await runStep(step, env);
      if (code !== 0) return code;
    }
    return isClean ? 0 : 1;
  } catch (error) {
    if (stopping.signal.aborted) return 128 + (constants.signals[stopping.signal.reason] ?? 2);
    if (error instanceof SetupError) progress.print(error.message);
    else progress.print(`Set-up failed: ${error.message}${error.output ? `\n${error.output}` : ''}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));

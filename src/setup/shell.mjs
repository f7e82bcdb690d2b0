/** Starts programs during set-up: captures what they say, stops them with us, and turns a failure into one error with the tail of the output. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Runs a program to its end without standard input and answers its standard output.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal, timeoutMs?: number, onLine?: (line: string) => void}} [options]
 * @returns {Promise<string>}
 */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const signals = [options.signal, AbortSignal.timeout(options.timeoutMs ?? 15 * 60_000)].filter(
      (one) => one !== undefined,
    );
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let all = '';
    const stop = () => child.kill('SIGTERM');
    for (const signal of signals) signal.addEventListener('abort', stop, { once: true });
    const take = (chunk, isStdout) => {
      const text = chunk.toString();
      if (isStdout) stdout += text;
      all = (all + text).slice(-20_000);
      if (options.onLine) for (const line of text.split('\n')) if (line.trim()) options.onLine(line.trim());
    };
    child.stdout.on('data', (chunk) => take(chunk, true));
    child.stderr.on('data', (chunk) => take(chunk, false));
    child.on('error', (cause) => reject(new Error(`${program} could not be started: ${cause.message}`)));
    child.on('close', (code, signal) => {
      for (const one of signals) one.removeEventListener('abort', stop);
      if (code === 0) resolve(stdout);
      else
        reject(
          Object.assign(new Error(`${program} ${args[0] ?? ''} ended with ${signal ?? `code ${code}`}`), {
            output: all.trim(),
          }),
        );
    });
  });
}

/** The path of a program on PATH, or undefined. */
export function which(program, env = process.env) {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/** `[major, minor]` of the first version number in what a program prints, or undefined when it cannot say. */
export async function versionOf(program, args, signal) {
  try {
    const said = await run(program, args, { timeoutMs: 10_000, signal });
    const found = /(\d+)\.(\d+)/.exec(said);
    return found ? [Number(found[1]), Number(found[2])] : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a version as answered by `versionOf` is at least `major.minor`. */
export const atLeast = (version, major, minor) =>
  version !== undefined && (version[0] > major || (version[0] === major && version[1] >= minor));

/** The environment without this checkout's `node_modules/.bin` on PATH: npm then runs on the host's own node. */
export function hostEnvironment() {
  const folders = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith(join('node_modules', '.bin')));
  return { ...process.env, PATH: folders.join(delimiter) };
}

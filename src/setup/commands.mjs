/** What `npm run …` means: which tools each command needs, which it can do without, and the programs it then runs. */

const vitest = (...args) => ({
  title: 'tests',
  program: 'vitest',
  args: ['run', '-c', 'test/vitest.config.ts', ...args],
});

/** True when the user replaces a part by one of their own (`--prometheus URL`), so that ours is not needed. */
const replaces = (args, flag) => args.some((arg) => arg === flag || arg.startsWith(`${flag}=`));

/**
 * @typedef {{title: string, program: string, args: string[]}} Step a program of node_modules/.bin
 * @typedef {{needs: string[], wants: string[], quiet?: Step[], steps: Step[]}} Plan `quiet` steps run side by side and speak only when they fail
 * @type {Record<string, (args: string[]) => Plan>}
 */
export const commands = {
  demo: (args) => ({
    needs: replaces(args, '--prometheus') ? [] : ['prometheus'],
    wants: args.includes('--keep') ? ['kubectl'] : [],
    steps: [{ title: 'demo', program: 'node', args: ['src/main.ts', 'demo', ...args] }],
  }),
  test: (args) => ({
    needs: [],
    wants: ['prometheus', 'redis', 'kubectl', 'controlplane'],
    steps: [vitest(...args)],
  }),
  check: (args) => ({
    needs: [],
    wants: [],
    quiet: [
      { title: 'types', program: 'tsc', args: ['-p', '.'] },
      { title: 'lint', program: 'oxlint', args: ['--type-aware', '--deny-warnings', 'src', 'test'] },
      { title: 'format', program: 'biome', args: ['format', '.'] },
      { title: 'unused code', program: 'knip', args: ['--config', '.ci/knip.json', '--no-config-hints'] },
    ],
    steps: [vitest('--project', 'unit', ...args)],
  }),
  /** Any program of this project with everything set up: benchmarks, sandbox, scripts. */
  exec: ([program = 'node', ...args]) => ({
    needs: [],
    wants: ['prometheus', 'redis', 'kubectl'],
    steps: [{ title: program, program, args }],
  }),
  /** Only sets up. */
  setup: () => ({ needs: [], wants: ['prometheus', 'redis', 'kubectl', 'controlplane'], steps: [] }),
};

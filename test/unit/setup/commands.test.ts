import { describe, expect, test } from 'vitest';
import { load } from './load.ts';

interface Step {
  readonly program: string;
  readonly args: readonly string[];
}
interface Plan {
  readonly needs: readonly string[];
  readonly wants: readonly string[];
  readonly steps: readonly Step[];
}
const { commands } = await load<{ commands: Readonly<Record<string, (args: string[]) => Plan>> }>('commands.mjs');
const plan = (name: string, ...args: string[]): Plan => commands[name]?.(args) ?? { needs: [], wants: [], steps: [] };

describe('what a command needs', () => {
  test.each([
    [[], ['prometheus'], []],
    [['--prometheus', 'http://localhost:9090'], [], []],
    [['--prometheus=http://localhost:9090', '--keep'], [], ['kubectl']],
    [['--only', 'errors', '--keep'], ['prometheus'], ['kubectl']],
  ])('the demo with %j', (args, needs, wants) => {
    expect(plan('demo', ...args)).toMatchObject({ needs, wants });
    expect(plan('demo', ...args).steps[0]?.args.slice(2)).toEqual(args);
  });

  test('the tests want everything and need nothing, so that what is missing is named and the rest runs', () => {
    expect(plan('test').needs).toEqual([]);
    expect(plan('test').wants).toEqual(expect.arrayContaining(['prometheus', 'redis', 'kubectl', 'controlplane']));
    expect(plan('test', '--project', 'unit').steps[0]?.args.slice(-2)).toEqual(['--project', 'unit']);
  });
});

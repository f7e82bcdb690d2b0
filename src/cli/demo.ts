/** `serin demo`: what `npm run demo` runs once everything is installed. */
import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { STORY_KEYS, type StoryKey } from './demo/stories.ts';

interface DemoFlags {
  readonly only?: StoryKey;
  readonly seed: string;
  readonly speed: number;
  readonly keep?: boolean;
  readonly prometheus?: string;
  readonly targets: string;
  readonly redis?: string;
  readonly kubeconfig?: string;
}

function parseSpeed(text: string): number {
  const speed = Number(text);
  if (!(speed >= 0.25 && speed <= 4)) throw new InvalidArgumentError('Write a number from 0.25 to 4.');
  return speed;
}

async function demo(flags: DemoFlags): Promise<void> {
  const { runDemo } = await import('./demo/run.ts');
  process.exitCode = await runDemo({
    seed: flags.seed,
    speed: flags.speed,
    keep: flags.keep === true,
    ...(flags.only === undefined ? {} : { only: flags.only }),
    ...(flags.prometheus === undefined ? {} : { prometheusUrl: flags.prometheus, targetsFile: resolve(flags.targets) }),
    ...(flags.redis === undefined ? {} : { redisUrl: flags.redis }),
    ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }),
  });
}

export function register(program: Command): void {
  program
    .command('demo')
    .description('five releases on a laptop-sized cluster: aborted, promoted, held, all on real traffic')
    .addOption(new Option('--only <story>', 'one story').choices(STORY_KEYS))
    .option('--seed <text>', 'seed of arrivals, errors and latencies', '7')
    .option('--speed <factor>', 'times the traffic, and so times faster verdicts', parseSpeed, 1)
    .option('--keep', 'leave everything running at the end, and say how to look around')
    .option('--prometheus <url>', 'use this Prometheus, on this machine; it must scrape what --targets names')
    .option('--targets <file>', 'with --prometheus: its file_sd targets are written here', 'serin-demo-targets.json')
    .option('--redis <url>', 'use this Redis for the queue instead of the embedded one')
    .option('--kubeconfig <file>', 'use this API server, with its own Deployment controller, instead of the sandbox’s')
    .action(demo);
}

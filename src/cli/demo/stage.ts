/** Sets the stage: sandbox, application versions, traffic, Serin's own objects, and the service; takes it all down again. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../clock.ts';
import { webApp, webDeployment } from '../../sandbox/apps/web.ts';
import { startSandbox, type Sandbox } from '../../sandbox/cluster.ts';
import { DEMO_NAMESPACE, demoRelease, demoTemplate, slackSecret, type Profile } from './objects.ts';
import { untilScraped } from './scraped.ts';
import { startServiceProcess, type RunningService } from './service.ts';
import type { Behaviour, Story } from './stories.ts';
import { packageFile } from '../../package-files.ts';

export interface StageOptions {
  readonly seed: string;
  readonly speed: number;
  readonly stories: readonly Story[];
  readonly profile: Profile;
  readonly prometheusBinary?: string;
  readonly prometheusUrl?: string;
  /** With `prometheusUrl`: where its targets are written. */
  readonly targetsFile?: string;
  readonly redisUrl?: string;
  readonly kubeconfig?: string;
}

export interface Stage {
  readonly sandbox: Sandbox;
  readonly service: RunningService;
  /** When traffic began, ms since the epoch: history counts from here. */
  readonly trafficSinceMs: number;
  stop(): Promise<void>;
}

export const membersFor = (story: Story): readonly [string, string] => [
  `${story.app}-${story.stable.version}`,
  `${story.app}-${story.candidate.version}`,
];

export function annotationsOf(behaviour: Behaviour): Readonly<Record<string, string>> {
  return {
    version: behaviour.version,
    'error-rate': String(behaviour.errorRate),
    latency: `lognormal(${behaviour.medianMs}ms,${behaviour.sigma})`,
    'ready-after': '1s',
  };
}

const REPLICAS = { stable: 3, candidate: 2 } as const;

/** Changes the idle member's pod template: to Serin that is a new version. */
export async function releaseCandidate(sandbox: Sandbox, story: Story): Promise<void> {
  const { version } = story.candidate;
  const names = { name: story.app, namespace: DEMO_NAMESPACE };
  await sandbox.apply([
    webDeployment(names, version, { replicas: REPLICAS.candidate, behaviour: annotationsOf(story.candidate) }),
  ]);
}

/** Before its release the idle member runs yesterday's build, which behaves like stable. */
function appObjects(story: Story): ReturnType<typeof webApp> {
  const yesterday = { ...story.stable, version: `${story.candidate.version}-rc` };
  return webApp({
    name: story.app,
    namespace: DEMO_NAMESPACE,
    versions: {
      [story.stable.version]: { replicas: REPLICAS.stable, behaviour: annotationsOf(story.stable) },
      [story.candidate.version]: { replicas: REPLICAS.candidate, behaviour: annotationsOf(yesterday) },
    },
  });
}

async function manifests(folder: string): Promise<string> {
  const path = packageFile(folder);
  const names = (await readdir(path)).filter((name) => name.endsWith('.yaml')).sort();
  return (await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')))).join('\n---\n');
}

/** `progress` is told of each part as it starts and ends. */
export async function setStage(
  options: StageOptions,
  progress: (part: string) => () => void,
  signal: AbortSignal,
): Promise<Stage> {
  const sandboxStarted = progress('sandbox: API server, workload controller, mesh, Prometheus');
  const sandbox = await startSandbox({
    seed: options.seed,
    speed: options.speed,
    scrapeIntervalMs: options.profile.gridMs,
    ...(options.prometheusBinary === undefined ? {} : { prometheusBinary: options.prometheusBinary }),
    ...(options.prometheusUrl === undefined ? {} : { prometheusUrl: options.prometheusUrl }),
    ...(options.targetsFile === undefined ? {} : { targetsFile: options.targetsFile }),
    ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
  });
  sandboxStarted();
  let starting: Promise<RunningService> | undefined;
  const stop = async (): Promise<void> => {
    // One that is still starting ends by itself when the signal fires, or becomes ready and is stopped then.
    const service = await starting?.catch(() => undefined);
    await service?.stop();
    await sandbox.stop();
  };
  try {
    const serviceStarted = progress('serin serve');
    await sandbox.apply(await manifests('deploy/crds'));
    starting = startServiceProcess(
      {
        dir: sandbox.dir,
        kubeconfigPath: sandbox.kubeconfigPath,
        prometheusUrl: sandbox.prometheusUrl,
        profile: options.profile,
        ...(options.redisUrl === undefined ? {} : { redisUrl: options.redisUrl }),
      },
      signal,
    );
    starting.catch(() => undefined); // awaited below, when the applications are up
    const objectsApplied = progress('query library, applications and traffic');
    await sandbox.apply(await manifests('queries'));
    await sandbox.apply(options.stories.flatMap(appObjects));
    await sandbox.apply([slackSecret(`${sandbox.receiverUrl}/slack`), demoTemplate()]);
    const trafficSinceMs = Date.now();
    for (const story of options.stories) {
      const rps = story.requestsPerSecond * options.speed;
      await sandbox.startLoad({ name: story.app, rps, host: `${story.app}.${DEMO_NAMESPACE}.example` });
    }
    objectsApplied();
    if (options.targetsFile !== undefined) {
      const scraped = progress(`your Prometheus: finds the pods in ${options.targetsFile}`);
      const { gridMs: intervalMs } = options.profile;
      const found = { url: sandbox.prometheusUrl, targetsFile: options.targetsFile, intervalMs, clock: systemClock };
      await untilScraped(found, signal);
      scraped();
    }
    const service = await starting;
    await sandbox.apply(options.stories.map((story) => demoRelease(story, membersFor(story), options.profile)));
    serviceStarted();
    return { sandbox, service, trafficSinceMs, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

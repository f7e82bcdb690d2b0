/** `npm run demo`: five releases on a laptop-sized cluster, on the real code paths, told live. Exit code 0 only if each ended as it should. */
import { systemClock } from '../../clock.ts';
import { SerinError } from '../../errors.ts';
import { createPrometheusSource } from '../../metrics/prometheus.ts';
import { elapsed } from '../screen/numbers.ts';
import { paintFor } from '../screen/style.ts';
import { startAudience } from './audience.ts';
import { type DirectorOptions, play, untilIdle } from './director.ts';
import { createNarrator, type Narrator } from './narrator.ts';
import { profileFor } from './objects.ts';
import { setStage, type Stage } from './stage.ts';
import { STORIES, type Story, type StoryKey } from './stories.ts';
import { type Ending, summaryTable } from './summary.ts';
import { toolPath } from './tools.ts';

export interface DemoOptions {
  readonly only?: StoryKey;
  readonly seed: string;
  readonly speed: number;
  readonly keep: boolean;
  readonly prometheusUrl?: string;
  readonly targetsFile?: string;
  readonly redisUrl?: string;
  readonly kubeconfig?: string;
}

const clock = systemClock;

function line(text: string): void {
  process.stdout.write(`${text}\n`);
}

function progress(part: string): () => void {
  const sinceMs = clock.nowMs();
  process.stdout.write(`  … ${part}\n`);
  return () => line(`  ✓ ${part.split(':')[0]}, ${((clock.nowMs() - sinceMs) / 1000).toFixed(1)} s`);
}

function prometheusBinary(options: DemoOptions): { readonly prometheusBinary?: string } {
  if (options.prometheusUrl !== undefined) return {};
  const path = toolPath('prometheus');
  if (path !== undefined) return { prometheusBinary: path };
  throw new SerinError(
    'SERIN_E_MISSING_TOOL',
    'Prometheus is not installed here. Run `npm run demo`, which fetches it on Debian; elsewhere install prometheus, or give the address of one with --prometheus.',
  );
}

/** Ends with 0, 1 (a story went wrong) or 130 (stopped by the user). */
export async function runDemo(options: DemoOptions): Promise<number> {
  const life = new AbortController();
  const onSignal = (): void => life.abort(new SerinError('SERIN_E_ABORTED', 'The demo was stopped.'));
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const paint = paintFor(process.stdout);
  const stories = STORIES.filter(({ key }) => options.only === undefined || key === options.only);
  const profile = profileFor(options.speed);
  line(
    `${paint('bold', 'Serin demo')} · seed ${options.seed} · profile "${profile.name}": polls every ${profile.gridMs / 1000} s, warm-up ${profile.warmUpMs / 1000} s, ${profile.historyMs / 1000} s of history (production: 10 s, 90 s, 30 min)`,
  );
  let stage: Stage | undefined;
  let narrator: Narrator | undefined;
  try {
    stage = await setStage({ ...options, ...prometheusBinary(options), stories, profile }, progress, life.signal);
    const startedMs = clock.nowMs();
    const source = createPrometheusSource({ url: stage.sandbox.prometheusUrl, timeoutMs: 1_500 });
    const audience = startAudience({ kube: stage.sandbox.kube, source, clock, signal: life.signal });
    narrator = createNarrator({
      stream: process.stdout,
      paint,
      stories,
      audience,
      title: `demo, seed ${options.seed}`,
      startedMs,
      nowMs: () => clock.nowMs(),
    });
    const told = narrator;
    const tell = (sentence: string): void => told.tell(sentence);
    audience.onLook(() => told.look());
    const director: DirectorOptions = { stage, audience, clock, tell, signal: life.signal };
    void tellMessages(stage, narrator, life.signal);
    if (!(await untilIdle(director, stories))) {
      throw new SerinError(
        'SERIN_E_CONFIG',
        `The releases did not become idle within a minute. The service's log is ${stage.service.logPath}.`,
      );
    }
    const historyLeftMs = stage.trafficSinceMs + profile.historyMs - clock.nowMs();
    if (historyLeftMs > 0) {
      tell(`stable serves everybody; ${Math.ceil(historyLeftMs / 1000)} s more and its noise is known`);
      await clock.sleep(historyLeftMs, life.signal);
    }
    const endings = await playAll(stories, director);
    await clock.sleep(1_500, life.signal);
    told.look();
    narrator.end();
    line('');
    line(summaryTable(endings, paint));
    line(
      `\n${endings.length} ${endings.length === 1 ? 'release' : 'releases'} in ${elapsed(clock.nowMs() - startedMs)} after set-up.`,
    );
    if (options.keep) await keepRunning(stage, life.signal);
    return endings.every(({ complaint }) => complaint === '') ? 0 : 1;
  } catch (thrown) {
    narrator?.end();
    if (!life.signal.aborted) throw thrown;
    line('\nStopped.');
    return 130;
  } finally {
    narrator?.end();
    life.abort();
    await stage?.stop();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/** The stories run side by side; the outage would blind the others, so it waits for those that are to be decided. */
async function playAll(stories: readonly Story[], director: DirectorOptions): Promise<readonly Ending[]> {
  const together = stories.filter(({ outage }) => outage === undefined);
  const alone = stories.filter(({ outage }) => outage !== undefined);
  const endings = await Promise.all(together.map((story) => play(story, director)));
  for (const story of alone) endings.push(await play(story, director));
  return endings;
}

async function tellMessages(stage: Stage, narrator: Narrator, signal: AbortSignal): Promise<void> {
  for (let told = 0; !signal.aborted; ) {
    const messages = await stage.sandbox.messages().catch(() => []);
    for (const { body } of messages.slice(told)) narrator.tellMessage(body);
    told = Math.max(told, messages.length);
    await clock.sleep(300, signal).catch(() => undefined);
  }
}

async function keepRunning(stage: Stage, signal: AbortSignal): Promise<void> {
  const kubectl = toolPath('kubectl') ?? 'kubectl';
  line(`
It keeps running; Ctrl-C ends it and removes everything. To look around:
  export KUBECONFIG=${stage.sandbox.kubeconfigPath}
  ${kubectl} get releases -A
  ${kubectl} -n shop describe release web
  ${kubectl} -n shop get virtualservice,deployment,pod,analysisrun
  npm run --silent serin -- status -A
  Prometheus:  ${stage.sandbox.prometheusUrl}
  Gateway:     curl -H 'Host: cart.shop.example' ${stage.sandbox.gatewayUrl}
  Metrics:     ${stage.service.url}/metrics     log: ${stage.service.logPath}`);
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

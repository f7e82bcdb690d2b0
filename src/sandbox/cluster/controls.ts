/** What can be done to a running sandbox. All arguments and answers are plain data, so that it may live in a process of its own. */
import type { Fault } from '../apiserver/http/faults.ts';
import type { LoadCounts, LoadProfile } from '../load/load.ts';
import type { ReceivedMessage } from './receiver.ts';

/** What the API server does wrong on purpose; replaces the fault before it. */
type ApiFault = Omit<Fault, 'path'> & {
  /** A part of the path such as `/pods`; absent: every request, those of the sandbox's own kubelet and mesh among them. */
  readonly path?: string;
};

export interface SandboxControls {
  /** Starts a stream of requests; `url` defaults to the gateway. A stream of the same name is replaced. */
  startLoad(profile: Omit<LoadProfile, 'url'> & { readonly url?: string }): Promise<void>;
  setLoad(name: string, rps: number, rampMs?: number): Promise<void>;
  /** Resolves when every request was answered. */
  stopLoad(name: string): Promise<LoadCounts>;
  loadCounts(): Promise<Readonly<Record<string, LoadCounts>>>;
  startPrometheus(): Promise<void>;
  stopPrometheus(): Promise<void>;
  killPrometheus(): Promise<void>;
  /** Accepts connections and answers none, until `unhangPrometheus`. */
  hangPrometheus(): Promise<void>;
  unhangPrometheus(): Promise<void>;
  /** While true every scrape of a pod fails. */
  breakScrapes(isBroken: boolean): Promise<void>;
  /** Ends the app of a pod with an error; false when no such pod runs here. */
  crashPod(namespace: string, name: string): Promise<boolean>;
  /** Absent: no fault any more. Refused where the API server is not the sandbox's own. */
  setApiFault(fault?: ApiFault): Promise<void>;
  /** The API server's and the node's clock go this many ms ahead (negative: behind) of Prometheus' and everyone else's. */
  setClockSkew(ms: number): Promise<void>;
  messages(): Promise<readonly ReceivedMessage[]>;
  /** Status with which the webhook receiver answers from now on. */
  answerMessagesWith(status: number): Promise<void>;
  /** Everything that went wrong in the background since the start, newest last. */
  troubles(): Promise<readonly string[]>;
}

export const CONTROL_NAMES = [
  'startLoad',
  'setLoad',
  'stopLoad',
  'loadCounts',
  'startPrometheus',
  'stopPrometheus',
  'killPrometheus',
  'hangPrometheus',
  'unhangPrometheus',
  'breakScrapes',
  'crashPod',
  'setApiFault',
  'setClockSkew',
  'messages',
  'answerMessagesWith',
  'troubles',
] as const satisfies readonly (keyof SandboxControls)[];

/** Where the parts of a sandbox are. */
export interface SandboxAddresses {
  /** Folder with everything the sandbox writes; removed at the end. */
  readonly dir: string;
  readonly kubeconfigPath: string;
  readonly prometheusUrl: string;
  readonly gatewayUrl: string;
  /** Takes in webhook and Slack posts. */
  readonly receiverUrl: string;
  readonly prometheusPid: number | undefined;
}

export interface SandboxOptions {
  readonly seed: string;
  /** How many times faster than written delays of manifests and behaviours pass (default 1). */
  readonly speed?: number;
  /** Path of the Prometheus binary; not needed with `prometheusUrl`. */
  readonly prometheusBinary?: string;
  /** A Prometheus that runs elsewhere, reached through a door of the sandbox; it must scrape what `targetsFile` names. */
  readonly prometheusUrl?: string;
  /** Where its targets are written; default `<dir>/targets.json`. */
  readonly targetsFile?: string;
  /** Kubeconfig of an API server that runs already, with its own workload controllers. */
  readonly kubeconfig?: string;
  /** Default 1000. */
  readonly scrapeIntervalMs?: number;
  /** Where the sandbox makes its own folder; default the system's temporary folder. */
  readonly dir?: string;
}

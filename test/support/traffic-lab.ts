/**
 * Pods with Istio's counters under random traffic, for tests of the way from counters to observations. Every event is known, and
 * so is every event that was never scraped because its pod died first: no one could count that.
 */
import type { Arm, LedgerPod } from '../../src/metrics/ledger.ts';
import type { Exposed, ExporterLab } from './prometheus.ts';

const BOUNDARIES = [25, 50, 100, 250, 500] as const;

export interface ArmTruth {
  total: number;
  bad: number;
  /** Slower than 100 ms. */
  slow: number;
}

type Counters = Map<string, number>;

/** From one start of a pod to the next. */
interface Life {
  counted: ArmTruth;
  /** What the newest scrape has seen of it. */
  scraped: ArmTruth;
}

const nothing = (): ArmTruth => ({ total: 0, bad: 0, slow: 0 });

export class TrafficPod {
  readonly name: string;
  readonly workload: string;
  readonly arm: Arm;
  readonly startedAtMs: number;
  restartedAtMs: number | undefined;
  endedAtMs: number | undefined;
  /** Answers scrapes with an error. */
  isFailing = false;
  /** Extra label that makes all its series new ones, as a relabelling does. */
  relabelled = '';
  /** Errors and their code start only when a test says so. */
  errorRate: number;
  isBroken = false;
  #requests: Counters = new Map();
  #buckets: Counters = new Map();
  #sum = 0;
  #lives: Life[] = [];
  #life: Life = { counted: nothing(), scraped: nothing() };

  constructor(name: string, workload: string, arm: Arm, errorRate: number) {
    this.name = name;
    this.workload = workload;
    this.arm = arm;
    this.errorRate = errorRate;
    this.startedAtMs = Math.floor(Date.now() / 1000) * 1000;
  }

  serve(requests: number, random: () => number): void {
    for (let i = 0; i < requests; i++) {
      const isBad = random() < this.errorRate;
      const code = isBad ? (random() < 0.5 ? '500' : '503') : '200';
      const ms = 10 + 300 * random() ** 3;
      bump(this.#requests, code);
      for (const boundary of BOUNDARIES) if (ms <= boundary) bump(this.#buckets, String(boundary));
      bump(this.#buckets, '+Inf');
      this.#sum += ms;
      this.#life.counted.total += 1;
      if (isBad) this.#life.counted.bad += 1;
      if (ms > 100) this.#life.counted.slow += 1;
    }
  }

  expose(): Exposed {
    const life = this.#life;
    const counted = { ...life.counted };
    const base = `reporter="destination",destination_workload="${this.workload}",destination_workload_namespace="shop"${this.relabelled}`;
    const lines = [...this.#requests].map(([code, n]) => {
      const value = this.isBroken && code !== '200' ? 'NaN' : n;
      return `istio_requests_total{${base},response_code="${code}"} ${value}`;
    });
    if (this.#requests.size > 0) {
      for (const le of [...BOUNDARIES, '+Inf']) {
        lines.push(
          `istio_request_duration_milliseconds_bucket{${base},le="${le}"} ${this.#buckets.get(String(le)) ?? 0}`,
        );
      }
      lines.push(`istio_request_duration_milliseconds_sum{${base}} ${this.#sum}`);
      lines.push(`istio_request_duration_milliseconds_count{${base}} ${this.#buckets.get('+Inf') ?? 0}`);
    }
    return { text: `${lines.join('\n')}\n`, onSent: () => void (life.scraped = counted) };
  }

  /** Everything that a scrape has seen or will see; what was counted after the last scrape before a restart is lost. */
  get truth(): ArmTruth {
    const last = this.endedAtMs === undefined ? this.#life.counted : this.#life.scraped;
    return this.#lives.map(({ scraped }) => scraped).reduce(add, last);
  }

  restart(): void {
    this.#lives.push(this.#life);
    this.#life = { counted: nothing(), scraped: nothing() };
    this.#requests = new Map();
    this.#buckets = new Map();
    this.restartedAtMs = Date.now();
  }

  end(): void {
    this.endedAtMs = Date.now();
  }

  get ledgerPod(): LedgerPod {
    return {
      name: this.name,
      uid: `uid-${this.name}`,
      arm: this.arm,
      startedAtMs: this.startedAtMs,
      ...(this.restartedAtMs === undefined ? {} : { restartedAtMs: this.restartedAtMs }),
      ...(this.endedAtMs === undefined ? {} : { endedAtMs: this.endedAtMs }),
    };
  }
}

export class TrafficLab {
  readonly pods = new Map<string, TrafficPod>();
  readonly #exporter: ExporterLab;
  readonly #random: () => number;
  #timer: NodeJS.Timeout | undefined;

  constructor(exporter: ExporterLab, random: () => number) {
    this.#exporter = exporter;
    this.#random = random;
  }

  add(pod: TrafficPod): TrafficPod {
    this.pods.set(pod.name, pod);
    this.#exporter.pods.set(pod.name, () => (pod.isFailing || pod.endedAtMs !== undefined ? undefined : pod.expose()));
    return pod;
  }

  start(): void {
    this.#timer = setInterval(() => {
      for (const pod of this.pods.values()) {
        if (pod.endedAtMs === undefined) pod.serve(Math.floor(this.#random() * 4), this.#random);
      }
    }, 20);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  truth(workload: string): ArmTruth {
    return [...this.pods.values()]
      .filter((pod) => pod.workload === workload)
      .reduce((sum, pod) => add(sum, pod.truth), nothing());
  }
}

function add(a: ArmTruth, b: ArmTruth): ArmTruth {
  return { total: a.total + b.total, bad: a.bad + b.bad, slow: a.slow + b.slow };
}

function bump(counters: Counters, key: string): void {
  counters.set(key, (counters.get(key) ?? 0) + 1);
}

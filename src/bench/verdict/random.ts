/** Fast seeded randomness: sfc32, with the samplers that simulated traffic needs. The same seed gives the same stream everywhere. */

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;
  #spare: number | undefined;

  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    this.#c = 0x9e3779b9 | 0;
    for (let i = 0; i < 15; i++) this.next();
  }

  /** Uniform in [0, 1). */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return (t >>> 0) / 4294967296;
  }

  normal(): number {
    if (this.#spare !== undefined) {
      const spare = this.#spare;
      this.#spare = undefined;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    const angle = 2 * Math.PI * this.next();
    this.#spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Exact below a mean of 500 (inversion by halves), normal with a skewness correction above. */
  poisson(mean: number): number {
    if (mean <= 0) return 0;
    if (mean < 12) return this.#poissonByProduct(mean);
    if (mean < 500) return this.#poissonByRejection(mean);
    const z = this.normal();
    return Math.max(0, Math.round(mean + Math.sqrt(mean) * z + (z * z - 1) / 6));
  }

  /** Binomial: exact for small n·p by its Poisson limit thinned to n, normal above. For event counts with small p. */
  binomial(n: number, p: number): number {
    if (p <= 0 || n <= 0) return 0;
    if (p >= 1) return n;
    if (p > 0.5) return n - this.binomial(n, 1 - p);
    const mean = n * p;
    if (mean < 20) return this.#binomialByInversion(n, p);
    const sd = Math.sqrt(mean * (1 - p));
    const z = this.normal();
    return Math.min(n, Math.max(0, Math.round(mean + sd * z + ((z * z - 1) * (1 - 2 * p)) / 6)));
  }

  /** ≥ 1, with this mean. */
  geometric(mean: number): number {
    if (mean <= 1) return 1;
    return 1 + Math.floor(Math.log(1 - this.next()) / Math.log(1 - 1 / mean));
  }

  #poissonByProduct(mean: number): number {
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.next(); product > limit; product *= this.next()) count++;
    return count;
  }

  /** PTRS of Hörmann (1993). */
  #poissonByRejection(mean: number): number {
    const b = 0.931 + 2.53 * Math.sqrt(mean);
    const a = -0.059 + 0.02483 * b;
    const scale = 1.1239 + 1.1328 / (b - 3.4);
    const safe = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
      const u = this.next() - 0.5;
      const v = this.next();
      const us = 0.5 - Math.abs(u);
      const k = Math.floor(((2 * a) / us + b) * u + mean + 0.43);
      if (us >= 0.07 && v <= safe) return k;
      if (k < 0 || (us < 0.013 && v > us)) continue;
      if (Math.log((v * scale) / (a / (us * us) + b)) <= -mean + k * Math.log(mean) - logFactorial(k)) return k;
    }
  }

  #binomialByInversion(n: number, p: number): number {
    const odds = p / (1 - p);
    let chance = Math.exp(n * Math.log1p(-p));
    let u = this.next();
    let k = 0;
    while (u > chance && k < n) {
      u -= chance;
      chance *= ((n - k) / (k + 1)) * odds;
      k++;
    }
    return k;
  }
}

function logFactorial(k: number): number {
  if (k < 2) return 0;
  const n = k + 1;
  return (n - 0.5) * Math.log(n) - n + 0.9189385332046728 + 1 / (12 * n) - 1 / (360 * n ** 3);
}

/** Standard Ornstein-Uhlenbeck process: stationary normal with unit variance and correlation exp(-|t| / tau). */
import type { RandomStream } from '../../numerics/random.ts';

export class OrnsteinUhlenbeck {
  readonly #stream: RandomStream;
  readonly #tauUs: number;
  #lastUs = Number.NaN;
  #value = 0.5;
  #stepUs = Number.NaN;
  #decay = 0.5;
  #spread = 0.5;

  constructor(stream: RandomStream, tauUs: number) {
    this.#stream = stream;
    this.#tauUs = tauUs;
  }

  /** Value at `timeUs`, exact in distribution for any step; to be asked in time order. */
  at(timeUs: number): number {
    if (Number.isNaN(this.#lastUs)) this.#value = this.#stream.normal();
    else if (timeUs > this.#lastUs) {
      if (timeUs - this.#lastUs !== this.#stepUs) {
        this.#stepUs = timeUs - this.#lastUs;
        this.#decay = Math.exp(-this.#stepUs / this.#tauUs);
        this.#spread = Math.sqrt(1 - this.#decay * this.#decay);
      }
      // x(t + h) = x(t) exp(-h / tau) + sqrt(1 - exp(-2 h / tau)) n: the process's exact transition.
      this.#value = this.#decay * this.#value + this.#spread * this.#stream.normal();
    }
    this.#lastUs = timeUs;
    return this.#value;
  }
}

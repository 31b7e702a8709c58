/** Per-minute rates of a growing counter, smoothed over 1, 5 and 15 minutes as Mosquitto does. */
export class LoadAverages {
  readonly #intervalSeconds: number;
  #last = 0;
  readonly #averages = [0, 0, 0];

  constructor(intervalSeconds: number) {
    this.#intervalSeconds = intervalSeconds;
  }

  /** Takes the counter's present value; returns the three averages. */
  update(value: number): readonly number[] {
    const perMinute = ((value - this.#last) * 60) / this.#intervalSeconds;
    this.#last = value;
    for (const [index, minutes] of MINUTES.entries()) {
      const keep = Math.exp(-this.#intervalSeconds / (60 * minutes));
      this.#averages[index] = perMinute + keep * (this.#averages[index]! - perMinute);
    }
    return this.#averages;
  }
}

export const MINUTES = [1, 5, 15] as const;

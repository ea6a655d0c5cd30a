/** Two minutes, at two a second. */
export const WINDOW_S = 120;

/** What the plot shows, oldest first; the columns have one length. */
export interface Columns {
  /** Seconds before now, so zero or less. */
  readonly ago: number[];
  readonly down: number[];
  readonly up: number[];
  /** In ms; null where nothing was measured. */
  readonly roundTrip: (number | null)[];
}

interface Sample {
  readonly at: number;
  readonly down: number;
  readonly up: number;
  readonly roundTrip: number | undefined;
}

/** The last two minutes. */
export class Samples {
  #samples: Sample[] = [];

  add(sample: Sample): void {
    const oldest = sample.at - WINDOW_S * 1000;
    this.#samples = [...this.#samples.filter(({ at }) => at >= oldest), sample];
  }

  columns(now: number): Columns {
    return {
      ago: this.#samples.map(({ at }) => (at - now) / 1000),
      down: this.#samples.map(({ down }) => down),
      up: this.#samples.map(({ up }) => up),
      roundTrip: this.#samples.map(({ roundTrip }) => roundTrip ?? null),
    };
  }
}

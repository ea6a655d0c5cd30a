/** Numbers that depend on the seed only. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
  }

  /** From 0 up to 1 (mulberry32). */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  upTo(most: number): number {
    return Math.floor(this.roll() * (most + 1));
  }

  chance(odds: number): boolean {
    return this.roll() < odds;
  }

  list<T>(length: number, item: () => T): T[] {
    return Array.from({ length }, item);
  }

  /** One of these. */
  of<T>(first: T, ...others: readonly T[]): T {
    return [first, ...others][this.upTo(others.length)] ?? first;
  }
}

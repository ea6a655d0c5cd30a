/** Tags in one generation; two of them take about 16 MB. */
const GENERATION_SIZE = 100_000;

/**
 * Remembers the replay tags of the last packets, at least `generationSize` and at most twice as many
 * (sphinx.md section 8). A real node remembers those of a whole key rotation.
 */
export class ReplayFilter {
  readonly #generationSize: number;
  #current = new Set<string>();
  #previous = new Set<string>();

  constructor(generationSize = GENERATION_SIZE) {
    this.#generationSize = generationSize;
  }

  /** Remembers a 32-byte tag; false if it was there already. */
  add(tag: Uint8Array): boolean {
    const key = Buffer.from(tag.buffer, tag.byteOffset, tag.byteLength).toString('latin1');
    if (this.#current.has(key) || this.#previous.has(key)) return false;
    if (this.#current.size >= this.#generationSize) {
      this.#previous = this.#current;
      this.#current = new Set();
    }
    this.#current.add(key);
    return true;
  }
}

/**
 * What the benchmark's sessions carry: requests that say how long they are and how long the answer is to be.
 *
 * ```
 * bytes of the request (u32) ‖ bytes of the answer (u32) ‖ anything
 * ```
 *
 * @module
 */

const HEADER_BYTES = 8;

/** Sizes of a request and its answer, in bytes. */
export interface Exchange {
  /** At least 8. */
  readonly request: number;
  readonly answer: number;
}

/** The bytes of a request. */
export function requestBytes({ request, answer }: Exchange): Uint8Array {
  const bytes = new Uint8Array(Math.max(HEADER_BYTES, request));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length);
  view.setUint32(4, answer);
  return bytes;
}

/** Reads one session's requests, one after the other. */
export class RequestReader {
  #head = new Uint8Array();
  #missing = 0;
  #answer = 0;

  /** Takes in bytes; tells how many are to be answered now. */
  take(bytes: Uint8Array): number {
    let rest = bytes;
    let due = 0;
    while (rest.length > 0) {
      if (this.#missing === 0) rest = this.#takeHead(rest);
      const taken = Math.min(this.#missing, rest.length);
      this.#missing -= taken;
      rest = rest.subarray(taken);
      if (this.#missing > 0 || this.#head.length > 0) continue;
      due += this.#answer;
      this.#answer = 0;
    }
    return due;
  }

  #takeHead(bytes: Uint8Array): Uint8Array {
    const wanted = HEADER_BYTES - this.#head.length;
    this.#head = Uint8Array.of(...this.#head, ...bytes.subarray(0, wanted));
    if (this.#head.length < HEADER_BYTES) return bytes.subarray(wanted);
    const view = new DataView(this.#head.buffer);
    this.#missing = view.getUint32(0) - HEADER_BYTES;
    this.#answer = view.getUint32(4);
    this.#head = new Uint8Array();
    return bytes.subarray(wanted);
  }
}

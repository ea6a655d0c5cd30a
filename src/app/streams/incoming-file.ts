import { sha256 } from '@noble/hashes/sha2.js';

import { hex } from '../bytes-text.js';

/** A file as it comes in, piece by piece. */
export class IncomingFile {
  readonly name: string;
  readonly size: number;
  readonly #hasher = sha256.create();
  readonly #pieces: Uint8Array<ArrayBuffer>[] = [];
  #received = 0;

  constructor(name: string, size: number) {
    this.name = name;
    this.size = size;
  }

  get received(): number {
    return this.#received;
  }

  /** @returns whether the piece belongs to the file; what is behind its end does not. */
  add(piece: Uint8Array): boolean {
    this.#received += piece.length;
    if (this.#received > this.size) return false;
    this.#hasher.update(piece);
    this.#pieces.push(Uint8Array.from(piece));
    return true;
  }

  /** Takes no more. */
  finish(): { readonly content: Blob; readonly sha256: string } {
    return { content: new Blob(this.#pieces), sha256: hex(this.#hasher.digest()) };
  }
}

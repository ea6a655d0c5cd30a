import type { KeyObject } from 'node:crypto';

import { importPrivateKey } from './sphinx/x25519.js';

/** How packets name the key rotation that they were made in (sphinx.md section 6). */
export const UNKNOWN_ROTATION = 0;
const ODD_ROTATION = 1;
const EVEN_ROTATION = 2;

/** The number of the first key rotation of a network. */
export const FIRST_ROTATION = 1;

/** A key and the number of the key rotation that it belongs to. */
export interface RotationKey {
  readonly rotation: number;
  /** Raw X25519 key, 32 bytes. */
  readonly privateKey: Uint8Array;
}

interface ImportedKey {
  readonly name: number;
  readonly key: KeyObject;
}

/**
 * The Sphinx keys of one node: that of the present key rotation, and, while the two overlap, that of the one before, with
 * which packets are made until their senders have seen the directory again.
 */
export class SphinxKeys {
  #primary: ImportedKey;
  #secondary: ImportedKey | undefined;

  /** @throws {RangeError} if the key is not 32 bytes long */
  constructor(first: RotationKey) {
    this.#primary = importKey(first);
  }

  /** Begins a key rotation; the key before the present one is gone. */
  rotate(next: RotationKey): void {
    this.#secondary = this.#primary;
    this.#primary = importKey(next);
  }

  /** Ends the overlap: packets made with the key of the last rotation are dropped from now on. */
  endOverlap(): void {
    this.#secondary = undefined;
  }

  /** The keys to try for a packet that names its rotation so, the likeliest first; none if that rotation is over. */
  of(rotationName: number): KeyObject[] {
    const known = this.#secondary === undefined ? [this.#primary] : [this.#primary, this.#secondary];
    return known.flatMap(({ name, key }) =>
      rotationName === UNKNOWN_ROTATION || rotationName === name ? key : [],
    );
  }
}

function importKey({ rotation, privateKey }: RotationKey): ImportedKey {
  return { name: rotation % 2 === 0 ? EVEN_ROTATION : ODD_ROTATION, key: importPrivateKey(privateKey) };
}

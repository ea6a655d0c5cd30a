/**
 * The clients a gateway knows.
 *
 * @module
 */
import type { SharedKey } from './shared-key.js';

/** What a gateway knows of one client. Its open session holds the same object. */
export interface ClientRecord {
  key: SharedKey;
  /** Bytes of Sphinx packets it may still send, until {@link bandwidthEndsAt}. */
  bandwidth: number;
  /** When the bandwidth is gone, in ms since 1970. */
  bandwidthEndsAt: number;
  /** Timestamp of its last authentication, in whole seconds since 1970; 0 if there was none. */
  lastAuthenticationS: number;
}

/** A client's 32-byte identity key, as the key of a map. */
export type AddressKey = string;

/** The same text for the same client. */
export function addressKey(address: Uint8Array): AddressKey {
  return Buffer.from(address.buffer, address.byteOffset, address.byteLength).toString('hex');
}

/** Client records by address, bounded: those used longest ago go first. */
export class ClientTable {
  readonly #records = new Map<AddressKey, ClientRecord>();

  get size(): number {
    return this.#records.size;
  }

  get(address: AddressKey): ClientRecord | undefined {
    return this.#records.get(address);
  }

  /** Adds or replaces a record, and makes it the one used last. */
  set(address: AddressKey, record: ClientRecord): void {
    this.#records.delete(address);
    this.#records.set(address, record);
  }

  delete(address: AddressKey): void {
    this.#records.delete(address);
  }

  /** Forgets clients that `isOnline` does not name until at most `limit` are left, or all others. */
  shrink(limit: number, isOnline: (address: AddressKey) => boolean): void {
    for (const address of this.#records.keys()) {
      if (this.#records.size <= limit) return;
      if (!isOnline(address)) this.#records.delete(address);
    }
  }

  /** All records, the one used longest ago first. */
  entries(): IterableIterator<[AddressKey, ClientRecord]> {
    return this.#records.entries();
  }
}

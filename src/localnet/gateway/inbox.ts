/**
 * Messages for clients that are not connected (gateway.md section 9.1).
 *
 * @module
 */
import type { AddressKey } from './clients.js';

/** Bounds of an {@link Inbox}. */
export interface InboxLimits {
  /** Messages of one client. */
  readonly inboxMessages: number;
  /** Bytes of all clients together. */
  readonly inboxBytes: number;
}

/** What one message costs beside its own bytes, so that empty ones are bounded too. */
const OVERHEAD_BYTES = 128;

/** Messages by recipient, in the order in which they arrived, bounded: older ones make room. */
export class Inbox {
  readonly #messages = new Map<AddressKey, Uint8Array[]>();
  #bytes = 0;

  /** What all messages cost, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Keeps the message, which is not copied.
   *
   * @returns how many older ones had to go
   */
  add(address: AddressKey, message: Uint8Array, limits: InboxLimits): number {
    const messages = this.#messages.get(address) ?? [];
    this.#messages.set(address, messages);
    messages.push(message);
    this.#bytes += message.length + OVERHEAD_BYTES;
    let dropped = 0;
    if (messages.length > limits.inboxMessages) {
      this.#dropOldest(address, messages);
      dropped += 1;
    }
    while (this.#bytes > limits.inboxBytes) {
      const [longestWaiting] = this.#messages;
      if (longestWaiting === undefined) break;
      this.#dropOldest(...longestWaiting);
      dropped += 1;
    }
    return dropped;
  }

  /** Hands out the messages of a client, the oldest first, and forgets them. */
  take(address: AddressKey): readonly Uint8Array[] {
    const messages = this.#messages.get(address) ?? [];
    this.#messages.delete(address);
    for (const message of messages) this.#bytes -= message.length + OVERHEAD_BYTES;
    return messages;
  }

  /** The messages of all clients. */
  entries(): IterableIterator<[AddressKey, readonly Uint8Array[]]> {
    return this.#messages.entries();
  }

  #dropOldest(address: AddressKey, messages: Uint8Array[]): void {
    const oldest = messages.shift();
    if (oldest !== undefined) this.#bytes -= oldest.length + OVERHEAD_BYTES;
    if (messages.length === 0) this.#messages.delete(address);
  }
}

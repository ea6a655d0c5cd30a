import { randomBytes } from 'node:crypto';

import type { MixnetClient, MixnetMessage } from '../../src/mixnet/client.js';

/** SURBs that the Rust SDK attaches to every message of a stream. */
const SURBS = 10;

/** Messages that wait behind a gap; with one more the Rust SDK skips it. */
const MAX_WAITING = 256;

type Send = (message: Uint8Array) => Promise<void>;

/**
 * One stream as the Rust SDK has it (tcp-proxy.md section 5): no end, a message for each write, and a gap that is skipped
 * once too much waits behind it.
 */
export class RustStream {
  readonly id: bigint;
  readonly #send: Send;
  readonly #waiting = new Map<number, Uint8Array>();
  readonly #arrived: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #expected = 0;
  #next = 0;
  /** Whether a gap was skipped, and bytes with it. */
  skipped = false;

  constructor(id: bigint, send: Send, initialData: Uint8Array) {
    this.id = id;
    this.#send = send;
    if (initialData.length > 0) this.#arrived.push(initialData);
  }

  async write(bytes: Uint8Array, messageBytes = 8192): Promise<void> {
    for (let at = 0; at < bytes.length; at += messageBytes) {
      const sequence = this.#next;
      this.#next += 1;
      await this.#send(encode(this.id, 1, sequence, bytes.subarray(at, at + messageBytes)));
    }
  }

  /** Waits for so many bytes. */
  async readExactly(length: number): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    for (let missing = length; missing > 0;) {
      const chunk = this.#arrived.shift();
      if (chunk === undefined) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      // What its AsyncRead gives out without bytes in it, every reader takes for the end.
      if (chunk.length === 0) throw new Error('an empty message has ended the stream of the Rust peer');
      chunks.push(chunk.subarray(0, missing));
      if (chunk.length > missing) this.#arrived.unshift(chunk.subarray(missing));
      missing -= Math.min(missing, chunk.length);
    }
    return Buffer.concat(chunks);
  }

  arrive(sequence: number, data: Uint8Array): void {
    if (sequence < this.#expected) return;
    this.#waiting.set(sequence, data);
    if (this.#waiting.size > MAX_WAITING) {
      this.skipped = true;
      this.#expected = Math.min(...this.#waiting.keys());
    }
    for (;;) {
      const next = this.#waiting.get(this.#expected);
      if (next === undefined) break;
      this.#waiting.delete(this.#expected);
      this.#expected += 1;
      this.#arrived.push(next);
    }
    this.#wake?.();
  }
}

/** A mixnet client in stream mode, as the Rust SDK's: it drops without a word what it does not know. */
export class RustStreams {
  readonly #client: MixnetClient;
  readonly #acknowledges: boolean;
  readonly #streams = new Map<bigint, RustStream>();
  readonly #opened: { id: bigint; senderTag: string; data: Uint8Array }[] = [];
  readonly #stopListening: () => void;
  #wake: (() => void) | undefined;
  /** Messages of types unknown to it, as our own, that were dropped. */
  dropped = 0;

  /** @param acknowledges whether it says that it has accepted a stream (OpenAck), as from 1.22 on. */
  constructor(client: MixnetClient, { acknowledges = false } = {}) {
    this.#client = client;
    this.#acknowledges = acknowledges;
    this.#stopListening = client.on('message', (message) => this.#route(message));
  }

  async open(recipient: string): Promise<RustStream> {
    const id = randomBytes(8).readBigUInt64BE();
    const send = (message: Uint8Array) => this.#client.send(recipient, message, SURBS);
    const stream = new RustStream(id, send, new Uint8Array());
    this.#streams.set(id, stream);
    await send(encode(id, 0, 0, new Uint8Array()));
    return stream;
  }

  /** The next stream that was opened. Data that comes before this is called for it is lost. */
  async accept(): Promise<RustStream> {
    for (;;) {
      const opened = this.#opened.shift();
      if (opened) {
        const { id, senderTag, data } = opened;
        const stream = new RustStream(id, (message) => this.#client.reply(senderTag, message), data);
        this.#streams.set(id, stream);
        if (this.#acknowledges) await this.#client.reply(senderTag, encode(id, 2, 0, new Uint8Array()));
        return stream;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  close(): void {
    this.#stopListening();
  }

  #route({ payload, senderTag }: MixnetMessage): void {
    const view = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    if (view.length < 16 || view.readUInt16LE(0) !== 3) return;
    const id = view.readBigUInt64BE(2);
    const type = view.readUInt8(10);
    const data = payload.slice(16);
    if (type === 0 && senderTag !== undefined) {
      this.#opened.push({ id, senderTag, data });
      this.#wake?.();
    }
    if (type === 1) this.#streams.get(id)?.arrive(view.readUInt32BE(11), data);
    if (type > (this.#acknowledges ? 4 : 1)) this.dropped += 1;
  }
}

function encode(id: bigint, type: number, sequence: number, data: Uint8Array): Uint8Array {
  const header = Buffer.alloc(16);
  header.writeUInt16LE(3, 0);
  header.writeBigUInt64BE(id, 2);
  header.writeUInt8(type, 10);
  header.writeUInt32BE(sequence, 11);
  return Buffer.concat([header, data]);
}

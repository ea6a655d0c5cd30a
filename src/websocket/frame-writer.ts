import { encodeFrame, OPCODE } from './frame.js';

/**
 * Longest payload of a frame we send; longer messages go in fragments, so that a pong has to wait for 64 KiB of a large
 * upload at most. This is also how much of a message is in memory a second time.
 */
const FRAGMENT_BYTES = 64 * 1024;

/** Frames that wait are handed on together up to this size. */
const BATCH_BYTES = 64 * 1024;

/** A message as far as it has not been sent. */
interface OutgoingMessage {
  readonly opcode: typeof OPCODE.text | typeof OPCODE.binary;
  readonly data: Uint8Array | Blob;
  readonly size: number;
  sent: number;
}

interface OutgoingFrame {
  readonly frame: Uint8Array;
  /** Bytes of a message in it. */
  readonly dataBytes: number;
}

interface OutgoingClose {
  readonly payload: Uint8Array;
  sent: boolean;
}

/** Sends messages in order, as fast as the tunnel takes them, with control frames between their fragments. */
export class FrameWriter {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #wrote: (dataBytes: number) => void;
  /** In the order of their sending: unlike an array, a set loses its first member in no time. */
  readonly #messages = new Set<OutgoingMessage>();
  #pong: Uint8Array | undefined;
  #close: OutgoingClose | undefined;
  #pumping: Promise<void> | undefined;

  /** @param wrote is told whenever the tunnel has taken bytes of messages. */
  constructor(writer: WritableStreamDefaultWriter<Uint8Array>, wrote: (dataBytes: number) => void) {
    this.#writer = writer;
    this.#wrote = wrote;
  }

  /** Queues a message. Settles when everything queued has been taken; rejects if the tunnel or a Blob fails. */
  send(opcode: OutgoingMessage['opcode'], data: Uint8Array | Blob): Promise<void> {
    const size = data instanceof Blob ? data.size : data.length;
    this.#messages.add({ opcode, data, size, sent: 0 });
    return this.#pump();
  }

  /** Answers a ping. Only the last of several that wait is answered (RFC 6455 section 5.5.3). */
  pong(payload: Uint8Array): Promise<void> {
    this.#pong = payload;
    return this.#pump();
  }

  /** Sends a Close frame after all messages, unless there is one. Settles like {@link send}. */
  close(payload: Uint8Array): Promise<void> {
    this.#close ??= { payload, sent: false };
    return this.#pump();
  }

  /** Drops the messages that wait and sends a Close frame, unless one was sent. Settles like {@link send}. */
  closeNow(payload: Uint8Array): Promise<void> {
    this.drop();
    return this.close(payload);
  }

  /** Drops the messages that wait. */
  drop(): void {
    this.#messages.clear();
  }

  #pump(): Promise<void> {
    this.#pumping ??= this.#writeAll();
    return this.#pumping;
  }

  async #writeAll(): Promise<void> {
    // What is sent at the same moment goes together.
    await Promise.resolve();
    while (this.#hasWork()) {
      const frames = await this.#nextBatch();
      if (frames.length === 0) continue;
      await this.#writer.write(joined(frames.map(({ frame }) => frame)));
      this.#wrote(frames.reduce((sum, { dataBytes }) => sum + dataBytes, 0));
    }
    this.#pumping = undefined;
  }

  #hasWork(): boolean {
    if (this.#close?.sent) return false;
    return this.#messages.size > 0 || this.#pong !== undefined || this.#close !== undefined;
  }

  async #nextBatch(): Promise<OutgoingFrame[]> {
    const frames: OutgoingFrame[] = [];
    for (let size = 0; size < BATCH_BYTES && this.#hasWork();) {
      const next = this.#nextControl() ?? (await this.#nextFragment());
      if (next === undefined) break;
      frames.push(next);
      size += next.frame.length;
    }
    return frames;
  }

  #nextControl(): OutgoingFrame | undefined {
    if (this.#pong !== undefined) {
      const frame = encodeFrame(OPCODE.pong, this.#pong);
      this.#pong = undefined;
      return { frame, dataBytes: 0 };
    }
    if (this.#close === undefined || this.#messages.size > 0) return undefined;
    this.#close.sent = true;
    return { frame: encodeFrame(OPCODE.close, this.#close.payload), dataBytes: 0 };
  }

  async #nextFragment(): Promise<OutgoingFrame | undefined> {
    const [message] = this.#messages;
    if (message === undefined) return undefined;
    const { data, size, sent } = message;
    const end = Math.min(size, sent + FRAGMENT_BYTES);
    const piece = data instanceof Blob ? await bytesOf(data.slice(sent, end)) : data.subarray(sent, end);
    // While a Blob was read the messages may have been dropped.
    if (!this.#messages.has(message)) return undefined;
    const fin = end === size;
    message.sent = end;
    if (fin) this.#messages.delete(message);
    const opcode = sent === 0 ? message.opcode : OPCODE.continuation;
    return { frame: encodeFrame(opcode, piece, fin), dataBytes: piece.length };
  }
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first !== undefined && parts.length === 1) return first;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

import { MessageChannel, type MessagePort } from 'node:worker_threads';

import { HELD_BYTES_LIMIT } from './delay-queue.js';
import type { Arrival } from './link.js';

/** One of two ends between two threads. */
export interface ThreadLinkEnd {
  readonly port: MessagePort;
  /** Bytes posted but not yet received: out of this end, and into it. */
  readonly outgoing: Int32Array<SharedArrayBuffer>;
  readonly incoming: Int32Array<SharedArrayBuffer>;
}

/** The two ends of a new link between threads. */
export function threadLinkEnds(): [ThreadLinkEnd, ThreadLinkEnd] {
  const { port1, port2 } = new MessageChannel();
  const [there, back] = [newByteCount(), newByteCount()];
  return [
    { port: port1, outgoing: there, incoming: back },
    { port: port2, outgoing: back, incoming: there },
  ];
}

function newByteCount(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** In front of each packet of a batch: node id (4) | length (4) | packet type (1) | key rotation (1) | ms late (4). */
const PREFIX_LENGTH = 14;
/** In front of a batch: when it was sent. */
const SENT_AT_LENGTH = 8;

/**
 * Carries packets to the nodes of another thread. All packets of one turn of the event loop travel as one block of
 * memory, which is moved, not copied; copying them together costs less than moving each on its own.
 */
export class ThreadLink {
  readonly #end: ThreadLinkEnd;
  #batch: { node: number; arrival: Arrival }[] = [];
  #batchBytes = 0;

  /** @param receive takes what comes from the other thread */
  constructor(end: ThreadLinkEnd, receive: (node: number, arrival: Arrival) => void) {
    this.#end = end;
    end.port.on('message', (batch: Uint8Array) => {
      Atomics.sub(end.incoming, 0, batch.length - SENT_AT_LENGTH);
      for (const { node, arrival } of unpack(batch)) receive(node, arrival);
    });
  }

  /** Sends a packet to a node of the other thread; false if too much is under way. */
  send(node: number, arrival: Arrival): boolean {
    const bytes = PREFIX_LENGTH + arrival.packet.length;
    if (Atomics.load(this.#end.outgoing, 0) + this.#batchBytes + bytes > HELD_BYTES_LIMIT) return false;
    if (this.#batch.length === 0) queueMicrotask(() => this.#flush());
    this.#batch.push({ node, arrival });
    this.#batchBytes += bytes;
    return true;
  }

  close(): void {
    this.#end.port.close();
  }

  #flush(): void {
    const bytes = new Uint8Array(SENT_AT_LENGTH + this.#batchBytes);
    pack(this.#batch, bytes);
    Atomics.add(this.#end.outgoing, 0, this.#batchBytes);
    this.#batch = [];
    this.#batchBytes = 0;
    this.#end.port.postMessage(bytes, [bytes.buffer]);
  }
}

/** A clock in ms that all threads of this process read alike. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function pack(batch: readonly { node: number; arrival: Arrival }[], bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, now());
  let offset = SENT_AT_LENGTH;
  for (const { node, arrival } of batch) {
    view.setUint32(offset, node);
    view.setUint32(offset + 4, arrival.packet.length);
    view.setUint8(offset + 8, arrival.packetType);
    view.setUint8(offset + 9, arrival.keyRotation);
    view.setFloat32(offset + 10, arrival.lateMs ?? 0);
    bytes.set(arrival.packet, offset + PREFIX_LENGTH);
    offset += PREFIX_LENGTH + arrival.packet.length;
  }
}

function* unpack(bytes: Uint8Array): Generator<{ node: number; arrival: Arrival }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const underWayMs = Math.max(0, now() - view.getFloat64(0));
  for (let offset = SENT_AT_LENGTH; offset < bytes.length;) {
    const start = offset + PREFIX_LENGTH;
    const end = start + view.getUint32(offset + 4);
    const [packetType, keyRotation] = [view.getUint8(offset + 8), view.getUint8(offset + 9)];
    const lateMs = view.getFloat32(offset + 10) + underWayMs;
    yield {
      node: view.getUint32(offset),
      arrival: { packetType, keyRotation, packet: bytes.subarray(start, end), lateMs },
    };
    offset = end;
  }
}

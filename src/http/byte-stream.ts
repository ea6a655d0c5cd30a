export type Bytes = Uint8Array<ArrayBuffer>;

/** Where the bytes of a stream come from. Nothing is asked of it before somebody reads. */
export interface ByteSource {
  /** Enqueues bytes that are there at once, or ends the stream by {@link endStream}. */
  readonly start?: (controller: ReadableStreamController<Bytes>) => void;
  /** Enqueues the next bytes, or ends the stream by {@link endStream}. */
  readonly pull: (controller: ReadableStreamController<Bytes>) => Promise<void>;
  readonly cancel: (reason: unknown) => void | Promise<void>;
}

/** A stream of bytes, which also takes the buffers of BYOB readers where the platform has such streams. */
export function byteStream(source: ByteSource): ReadableStream<Bytes> {
  if ('ReadableByteStreamController' in globalThis) return new ReadableStream({ ...source, type: 'bytes' });
  return new ReadableStream<Bytes>(source, { highWaterMark: 0 });
}

/** Ends a stream, also for a BYOB reader that waits. */
export function endStream(controller: ReadableStreamController<Bytes>): void {
  controller.close();
  if ('byobRequest' in controller) controller.byobRequest?.respond(0);
}

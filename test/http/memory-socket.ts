import type { TunnelSocket } from '../../src/proxy/socket.js';

/** What is on the other side of a {@link memorySocket}. */
export interface MemoryPeer {
  /** The next bytes for the client, each time that it asks for some; `undefined` for the end. */
  readonly read: () => Uint8Array<ArrayBuffer> | undefined | Promise<Uint8Array<ArrayBuffer>>;
  /** Takes bytes of the client; it sends no more until this settles. */
  readonly write?: (bytes: Uint8Array) => Promise<void> | void;
  readonly onClose?: (reason: unknown) => void;
}

/** A socket without any buffer of its own, which shows what is asked of it and when. */
export function memorySocket({ read, write, onClose }: MemoryPeer): TunnelSocket {
  let fail: (error: Error) => void = () => undefined;
  const broken = new Promise<never>((_, reject) => (fail = reject));
  broken.catch(() => undefined);
  const close = (reason?: unknown) => {
    fail(new Error('closed'));
    onClose?.(reason);
    return Promise.resolve();
  };
  const readable = new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      const bytes = await Promise.race([read(), broken]);
      if (bytes === undefined) controller.close();
      else controller.enqueue(bytes);
    },
  });
  const writable = new WritableStream<Uint8Array>({
    start: (controller) => controller.signal.addEventListener('abort', () => void close()),
    write: (bytes) => Promise.race([write?.(bytes), broken]),
  });
  const opened = Promise.resolve({ remoteAddress: 'memory' });
  return { readable, writable, opened, closed: Promise.resolve(), close };
}

/** What settles never. */
export const never = new Promise<never>(() => undefined);

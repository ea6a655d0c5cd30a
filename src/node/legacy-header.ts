/**
 * The header by which other programs of this wire format choose the upstream: `UPSTREAM:host:port` and LF are the first
 * bytes of a session.
 *
 * @module
 */
import { deferred } from '../basics/deferred.js';
import type { UpstreamConnection } from '../proxy/join.js';
import { SessionError } from '../session/errors.js';

const PREFIX = 'UPSTREAM:';
/** A host name has at most 253 characters; then come a colon and a port. */
const MAX_HEADER_BYTES = PREFIX.length + 253 + 6;

/** The header for an upstream. */
export function legacyHeader(upstream: string): Uint8Array {
  return new TextEncoder().encode(`${PREFIX}${upstream}\n`);
}

/** Opens a connection to `host:port`, or to the default upstream; rejects with a {@link SessionError}. */
type Connect = (upstream: string | undefined) => Promise<UpstreamConnection>;

/** A connection that is opened once its first bytes have said where it leads. */
export function connectByHeader(connect: Connect): UpstreamConnection {
  return new HeaderConnection(connect);
}

class HeaderConnection implements UpstreamConnection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #connect: Connect;
  readonly #reader = deferred<ReadableStreamDefaultReader<Uint8Array>>();
  #connection: UpstreamConnection | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #held: Uint8Array = new Uint8Array();
  #failure: SessionError | undefined;

  constructor(connect: Connect) {
    this.#connect = connect;
    this.#reader.promise.catch(() => undefined);
    this.readable = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const reader = await this.#reader.promise;
          const { value } = await reader.read();
          if (value === undefined) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => this.reset(),
      },
      { highWaterMark: 0 },
    );
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => controller.signal.addEventListener('abort', () => this.reset()),
      write: (bytes) => (this.#writer === undefined ? this.#begin(bytes) : this.#writer.write(bytes)),
      close: async () => {
        // A header that is cut short is none.
        const writer = this.#writer ?? (await this.#open(undefined, this.#held));
        await writer.close();
      },
    });
  }

  get failure(): SessionError | undefined {
    return this.#failure ?? this.#connection?.failure;
  }

  async fail(): Promise<void> {
    if (this.#connection === undefined) this.reset();
    await this.#connection?.fail();
  }

  reset(): void {
    this.#fail(new SessionError('aborted', 'us'));
    this.#connection?.reset();
  }

  async #begin(bytes: Uint8Array): Promise<void> {
    const held = new Uint8Array(this.#held.length + bytes.length);
    held.set(this.#held);
    held.set(bytes, this.#held.length);
    this.#held = held;
    const text = String.fromCharCode(...held.subarray(0, MAX_HEADER_BYTES + 1));
    if (!PREFIX.startsWith(text.slice(0, PREFIX.length))) {
      await this.#open(undefined, held);
      return;
    }
    const lf = text.indexOf('\n');
    if (lf !== -1) await this.#open(text.slice(PREFIX.length, lf).trim(), held.subarray(lf + 1));
    else if (held.length > MAX_HEADER_BYTES) throw this.#fail(new SessionError('no-upstream', 'us'));
  }

  /** Connects, and writes what came behind the header. */
  async #open(
    upstream: string | undefined,
    rest: Uint8Array,
  ): Promise<WritableStreamDefaultWriter<Uint8Array>> {
    try {
      const connection = await this.#connect(upstream);
      this.#connection = connection;
      if (this.#failure) connection.reset();
      this.#writer = connection.writable.getWriter();
      this.#writer.closed.catch(() => undefined);
      this.#reader.resolve(connection.readable.getReader());
      if (rest.length > 0) await this.#writer.write(rest);
      return this.#writer;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Nothing is read any more, unless there is a connection whose last bytes still come. */
  #fail(cause: unknown): SessionError {
    const error =
      cause instanceof SessionError ? cause : new SessionError('unreachable', 'us', undefined, { cause });
    if (this.#connection === undefined) {
      this.#failure ??= error;
      this.#reader.reject(error);
    }
    return error;
  }
}

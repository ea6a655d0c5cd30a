import type { UpstreamConnection } from '../../proxy/join.js';
import { SessionError } from '../../session/errors.js';
import type { ByteSource } from './byte-source.js';
import { UNRECOGNIZED_NAME } from './client-hello.js';
import type { Refusal } from './page-rules.js';
import { WORD_PAUSE_MS, type RequestGuard } from './request-guard.js';

/** How long an application that is refused may go on sending, so that it reads the answer. */
const LINGER_MS = 2000;

const TITLES: Record<Refusal['status'], string> = {
  400: 'Bad Request',
  403: 'Forbidden',
  421: 'Misdirected Request',
  431: 'Request Header Fields Too Large',
};

interface Piece {
  readonly pass: Buffer;
  readonly refusal?: Refusal;
  readonly isLast: boolean;
}

/** An application's connection, of which a {@link RequestGuard}, if there is one, sees everything before the upstream. */
export class GuardedConnection implements UpstreamConnection {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #connection: UpstreamConnection;
  readonly #source: ByteSource;
  readonly #guard: RequestGuard | undefined;
  readonly #onRefusal: (refusal: Refusal) => void;
  #next: Promise<Piece> | undefined;
  #refused: SessionError | undefined;

  /**
   * @param source where the rest of the connection is read.
   * @param onRefusal told of the request that is refused, after which the connection ends.
   */
  constructor(
    connection: UpstreamConnection,
    source: ByteSource,
    guard: RequestGuard | undefined,
    onRefusal: (refusal: Refusal) => void,
  ) {
    this.#onRefusal = onRefusal;
    this.#connection = connection;
    this.#source = source;
    this.#guard = guard;
    this.readable = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: (reason) => this.#source.cancel(reason),
      },
      { highWaterMark: 0 },
    );
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#connection.writable;
  }

  get failure(): SessionError | undefined {
    return this.#refused ?? this.#connection.failure;
  }

  fail(): Promise<void> {
    return this.#connection.fail();
  }

  reset(): void {
    this.#connection.reset();
  }

  /**
   * Waits until the connection's beginning has been judged, or nothing comes for `silenceMs`: then the upstream may be
   * the one that speaks first. Rejects if the connection breaks.
   */
  async begin(silenceMs: number): Promise<Refusal | undefined> {
    await this.#source.arrival(silenceMs);
    if (this.#source.isSilent) return undefined;
    this.#next = this.#read();
    return (await this.#next).refusal;
  }

  /** Answers a request that {@link begin} has refused, and ends the connection. Never rejects. */
  answer(refusal: Refusal): Promise<void> {
    return endWith(this.#connection, this.#source, refusal.inTls ? UNRECOGNIZED_NAME : answerTo(refusal));
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const { pass, refusal, isLast } = await (this.#next ?? this.#read());
    this.#next = undefined;
    // An error would take what waits in the stream with it.
    if (pass.length > 0) {
      controller.enqueue(pass);
      if (refusal ?? isLast)
        this.#next = Promise.resolve({ pass: NOTHING, isLast, ...(refusal && { refusal }) });
    } else if (refusal) {
      this.#refused = new SessionError('aborted', 'us', refusal.reason);
      controller.error(this.#refused);
    } else controller.close();
  }

  async #read(): Promise<Piece> {
    for (;;) {
      if (this.#guard?.isInFirstWord) {
        const more = await this.#source.moreWithin(WORD_PAUSE_MS);
        if (more === undefined) return { ...this.#guard.passWord(), isLast: false };
      }
      const bytes = await this.#source.next();
      const isLast = bytes === undefined;
      if (this.#guard === undefined) return { pass: bytes ?? NOTHING, isLast };
      const guarded = isLast ? this.#guard.end() : this.#guard.take(bytes);
      if (guarded.refusal) this.#onRefusal(guarded.refusal);
      if (isLast || guarded.pass.length > 0 || guarded.refusal) return { ...guarded, isLast };
    }
  }
}

const NOTHING = Buffer.alloc(0);

/** Sends the last bytes of a connection, and lets the application read them, for a while. Never rejects. */
export async function endWith(
  connection: UpstreamConnection,
  source: ByteSource,
  bytes: Uint8Array,
): Promise<void> {
  const late = setTimeout(() => connection.reset(), LINGER_MS);
  try {
    const writer = connection.writable.getWriter();
    if (bytes.length > 0) await writer.write(bytes);
    await writer.close();
    while ((await source.next()) !== undefined);
  } catch {
    connection.reset();
  } finally {
    clearTimeout(late);
  }
}

function answerTo({ status, reason }: Refusal): Buffer {
  const body = `${reason}\n`;
  const head = [
    `HTTP/1.1 ${status} ${TITLES[status]}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'x-content-type-options: nosniff',
    'cache-control: no-store',
    'connection: close',
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}

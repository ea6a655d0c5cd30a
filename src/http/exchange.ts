import { byteStream, type Bytes, endStream } from './byte-stream.js';
import type { ConnectionPool, Lease } from './connection-pool.js';
import { TunnelFetchError } from './errors.js';
import type { FetchRequest } from './fetch-request.js';
import { MAX_INTERIM_MS, UPLOAD_STALL_MS } from './limits.js';
import { ResponseParser, type ResponseHead } from './response-parser.js';
import { upload } from './upload.js';

/** Responses that the `Response` class lets have no body. */
const NULL_BODY_STATUS = [204, 205, 304];

/** What the stream that is the request's body is cancelled with; once it has been sent, it does not matter. */
const NOT_TAKEN = new TunnelFetchError('request', 'The rest of the request body is not wanted any more');

/** The upstream's answer. */
export interface Answer {
  readonly head: ResponseHead;
  /** As it is sent. Cancelling it closes the connection, as does not reading it to its end. */
  readonly body: ReadableStream<Bytes> | null;
}

/** What an {@link Exchange} takes place between. */
export interface ExchangeOptions {
  readonly request: FetchRequest;
  readonly lease: Lease;
  readonly pool: ConnectionPool;
  /** Ends the exchange at any time, with its reason. */
  readonly signal: AbortSignal;
}

/**
 * One request and its response on a connection, in both directions at once. Nothing is read from the connection unless
 * the response's reader asks for it. When both are complete the connection goes back to the pool; otherwise it is
 * closed.
 */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #parser: ResponseParser;
  readonly #stopUpload = new AbortController();
  readonly #onAbort: () => void;
  #body: ReadableStreamController<Bytes> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #heard = false;
  #over = false;
  #uploaded = false;
  #stall: ReturnType<typeof setTimeout> | undefined;
  #interim: ReturnType<typeof setTimeout> | undefined;
  #end: () => void = () => undefined;

  /** Resolves when the connection is not used any more. */
  readonly ended = new Promise<void>((resolve) => (this.#end = resolve));

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#parser = new ResponseParser(options.request.method);
    this.#onAbort = () => this.#fail(options.signal.reason);
  }

  /**
   * Whether nothing of the request was answered because the idle connection that it went out on was gone. A server that
   * closes one may say so by a 408, which crosses the request on its way.
   */
  get wasTooLate(): boolean {
    if (!this.#options.lease.reused) return false;
    return this.#parser.head?.status === 408 || (isLost(this.#failure?.error) && !this.#heard);
  }

  /**
   * Sends the request, and settles when the head of the response is there; to be called once.
   *
   * @throws {TunnelFetchError} `request`, `response` or `connection`.
   * @throws the signal's reason if it aborts.
   */
  async answer(): Promise<Answer> {
    const { signal } = this.#options;
    signal.addEventListener('abort', this.#onAbort);
    if (signal.aborted) this.#onAbort();
    else void this.#upload();
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure.error;
        const { head } = this.#parser;
        if (head !== undefined) {
          clearTimeout(this.#interim);
          if (this.wasTooLate) throw new TunnelFetchError('connection', 'The idle connection had timed out');
          return { head, body: this.#bodyOf(head) };
        }
        await this.#readOn();
      }
    } catch (error) {
      this.#fail(error);
      throw this.#failure?.error ?? error;
    }
  }

  #bodyOf(head: ResponseHead): Answer['body'] {
    if (NULL_BODY_STATUS.includes(head.status) || this.#options.request.method === 'HEAD') {
      if (!this.#parser.complete) this.#leave(0);
      return null;
    }
    return byteStream({
      start: (controller) => {
        this.#body = controller;
        this.#deliver(controller);
      },
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#leave(0),
    });
  }

  async #pull(controller: ReadableStreamController<Bytes>): Promise<void> {
    try {
      do await this.#readOn();
      while (!this.#deliver(controller));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Hands over what has been read; whether there was anything, were it the end. */
  #deliver(controller: ReadableStreamController<Bytes>): boolean {
    const pieces = this.#parser.takePieces();
    for (const piece of pieces) controller.enqueue(piece);
    if (!this.#parser.complete) return pieces.length > 0;
    endStream(controller);
    return true;
  }

  async #readOn(): Promise<void> {
    const bytes = await this.#options.lease.connection.read();
    // A closed connection reads as one that has ended.
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#heard ||= bytes !== undefined;
    if (bytes === undefined) this.#parser.finish();
    else this.#parser.feed(bytes);
    if (this.#parser.complete) this.#completed();
    if (this.#parser.waitsAfterInterim) this.#interim ??= this.#awaitFinal();
  }

  async #upload(): Promise<void> {
    const { lease, request } = this.#options;
    try {
      await upload(lease.connection, request, {
        signal: this.#stopUpload.signal,
        onProgress: () => this.#stall && this.#awaitUpload(),
      });
      this.#uploaded = true;
      if (this.#parser.complete) this.#leave(this.#parser.keepAliveMs);
    } catch (error) {
      // If it is the connection that failed, reading tells more, and there may be an answer.
      if (!isLost(error)) this.#fail(error);
    }
  }

  #completed(): void {
    const { keepAliveMs } = this.#parser;
    if (keepAliveMs > 0 && !this.#uploaded) this.#awaitUpload();
    else this.#leave(keepAliveMs);
  }

  #awaitFinal(): ReturnType<typeof setTimeout> {
    const late = 'The upstream sent interim responses, and no other in 15 minutes';
    return setTimeout(() => this.#fail(new TunnelFetchError('connection', late)), MAX_INTERIM_MS);
  }

  #awaitUpload(): void {
    clearTimeout(this.#stall);
    this.#stall = setTimeout(() => this.#leave(0), UPLOAD_STALL_MS);
  }

  #fail(error: unknown): void {
    // What came before stays as it is: the body may be complete, though not yet read.
    if (this.#over) return;
    this.#failure = { error };
    this.#body?.error(error);
    this.#leave(0, error);
  }

  /** Gives the connection back, for others to use for so long. Only the first call counts. */
  #leave(keepAliveMs: number, reason: unknown = NOT_TAKEN): void {
    if (this.#over) return;
    this.#over = true;
    const { signal, pool, lease } = this.#options;
    signal.removeEventListener('abort', this.#onAbort);
    clearTimeout(this.#stall);
    clearTimeout(this.#interim);
    this.#stall = undefined;
    this.#stopUpload.abort(reason);
    if (keepAliveMs > 0) pool.release(lease.connection, keepAliveMs);
    else pool.discard(lease.connection, this.#uploaded && this.#parser.complete ? undefined : reason);
    this.#end();
  }
}

function isLost(error: unknown): boolean {
  return error instanceof TunnelFetchError && error.code === 'connection';
}

import { orAborted } from '../mixnet/or-aborted.js';
import type { ByteStreams } from '../proxy/join.js';
import type { TrustedRoots } from './certificates.js';
import type { TlsEngine, TlsSession, TlsTarget } from './engine.js';
import { tlsError, TlsError } from './errors.js';
import { Rustls, type RustlsConnection } from './rustls.js';

/** Encrypted at once, and then handed over: whole records, and less than half a millisecond of work each. */
const MOST_WRITE = 32 * 1024;

/** Decrypted at once. */
const MOST_RECEIVED = 32 * 1024;

/** What may wait for the transport before nothing more is read: answers that the server provokes (key updates). */
const MOST_UNSENT = 64 * 1024;

/** What a server may still send after its end; it is dropped. */
const MOST_AFTER_END = 64 * 1024;

/** How long an alert may take to get away before the transport is reset. */
const ALERT_MS = 1000;

/** Lists of application protocols that sessions are remembered for. */
const MOST_CONFIGS = 16;

/** TLS by rustls in WebAssembly, which is loaded when it is first needed. */
export class RustlsEngine implements TlsEngine {
  readonly #load: () => Promise<WebAssembly.Module>;
  readonly #roots: TrustedRoots;
  /** By application protocols. */
  readonly #configs = new Map<string, number>();
  #running: Promise<Rustls> | undefined;

  /** @param load compiles the module of `wasm/tls`; called again after a failure or crash. */
  constructor(load: () => Promise<WebAssembly.Module>, roots: TrustedRoots) {
    this.#load = load;
    this.#roots = roots;
  }

  async handshake(transport: ByteStreams, target: TlsTarget, signal: AbortSignal): Promise<TlsSession> {
    let session: RustlsSession;
    try {
      const rustls = await orAborted(this.#started(target.host), signal);
      session = new RustlsSession(rustls.open(this.#config(rustls, target.alpn), target), transport);
    } catch (error) {
      await Promise.allSettled([transport.readable.cancel(error), transport.writable.abort(error)]);
      throw error;
    }
    const onAbort = () => session.abort(signal.reason);
    signal.addEventListener('abort', onAbort);
    try {
      await session.handshake();
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    return session;
  }

  async #started(host: string): Promise<Rustls> {
    const running = await this.#running?.catch(() => undefined);
    if (running !== undefined && !running.broken) return running;
    this.#configs.clear();
    this.#running = this.#load().then((module) => Rustls.start(module));
    try {
      return await this.#running;
    } catch (cause) {
      this.#running = undefined;
      const text = cause instanceof Error ? cause.message : String(cause);
      throw tlsError('engine', { host, text: `it cannot be loaded: ${text}`, cause });
    }
  }

  #config(rustls: Rustls, alpn: readonly string[]): number {
    const key = JSON.stringify(alpn);
    const known = this.#configs.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.#configs;
    if (oldest !== undefined && this.#configs.size >= MOST_CONFIGS) {
      this.#configs.delete(oldest[0]);
      rustls.forget(oldest[1]);
    }
    const made = rustls.configure(this.#roots, alpn);
    this.#configs.set(key, made);
    return made;
  }
}

class RustlsSession implements TlsSession {
  alpn: string | null = null;
  version: TlsSession['version'] = 'TLSv1.3';
  resumed = false;

  readonly #connection: RustlsConnection;
  readonly #source: ReadableStreamDefaultReader<Uint8Array>;
  readonly #sink: WritableStreamDefaultWriter<Uint8Array>;
  /** Came from the transport, and was not yet decrypted. */
  #received: Uint8Array = new Uint8Array();
  /** Why nothing more can be received, once what came before is read. */
  #lateFailure: { readonly error: unknown } | undefined;
  #unsent = 0;
  #readEnded = false;
  #writeEnded = false;
  /** Why it was given up. */
  #over: { readonly error: unknown } | undefined;

  constructor(connection: RustlsConnection, transport: ByteStreams) {
    this.#connection = connection;
    this.#source = transport.readable.getReader();
    this.#sink = transport.writable.getWriter();
    // What goes wrong with the transport shows where it is read or written.
    for (const promise of [this.#source.closed, this.#sink.closed, this.#sink.ready]) {
      promise.catch(() => undefined);
    }
  }

  async handshake(): Promise<void> {
    await this.#orBreakOff(async () => {
      for (;;) {
        await this.#send();
        this.#throwIfOver();
        if (!this.#connection.isHandshaking()) break;
        await this.#receive();
      }
      this.alpn = this.#connection.alpn;
      this.version = this.#connection.version;
      this.resumed = this.#connection.resumed;
    });
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#orBreakOff(async () => {
      for (;;) {
        this.#throwIfOver();
        if (this.#readEnded) return undefined;
        const bytes = this.#connection.read();
        if (bytes !== undefined) return bytes;
        if (this.#lateFailure) throw this.#lateFailure.error;
        if (this.#connection.ended) {
          this.#readEnded = true;
          this.#freeIfDone();
          void this.#drain();
          return undefined;
        }
        await this.#receive().catch((error: unknown) => void (this.#lateFailure = { error }));
        if (this.#over) continue;
        const sent = this.#send();
        if (this.#unsent > MOST_UNSENT) await sent;
      }
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#orBreakOff(async () => {
      for (let at = 0; at < bytes.length;) {
        this.#throwIfOver();
        at += this.#connection.write(bytes.subarray(at, at + MOST_WRITE));
        await this.#send();
      }
    });
  }

  async end(): Promise<void> {
    await this.#orBreakOff(async () => {
      this.#throwIfOver();
      this.#connection.writeEnd();
      const sent = this.#send();
      this.#writeEnded = true;
      this.#freeIfDone();
      await sent;
      await this.#sink.close();
    });
  }

  abort(reason: unknown): void {
    if (this.#over) return;
    this.#over = { error: reason };
    this.#connection.close();
    void this.#reset(reason);
  }

  /** Takes the next bytes of the server, as far as there is room. */
  async #receive(): Promise<void> {
    if (this.#received.length === 0) {
      const { value } = await this.#source.read();
      this.#throwIfOver();
      if (value === undefined) {
        this.#connection.receiveEnd();
        if (this.#connection.isHandshaking()) throw tlsError('truncated', { host: this.#connection.host });
        return;
      }
      this.#received = value;
    }
    const taken = this.#connection.receive(this.#received.subarray(0, MOST_RECEIVED));
    this.#received = this.#received.subarray(taken);
    if (taken > 0 || this.#received.length === 0 || this.#connection.ended) return;
    throw tlsError('protocol', { host: this.#connection.host, text: 'there is no room for what it sent' });
  }

  /** Hands the transport all that is to be sent, in this very moment, and settles when it has taken it. */
  async #send(): Promise<void> {
    let last: Promise<void> | undefined;
    for (let bytes = this.#connection.send(); bytes !== undefined; bytes = this.#connection.send()) {
      const { length } = bytes;
      this.#unsent += length;
      last = this.#sink.write(bytes).finally(() => (this.#unsent -= length));
      last.catch(() => undefined);
    }
    await last;
  }

  async #orBreakOff<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (this.#over) throw this.#over.error;
      if (error instanceof TlsError && error.code !== 'engine') this.#breakOff(error);
      else this.abort(error);
      throw error;
    }
  }

  /** Sends the alert that rustls has for the server, then resets the transport. Waits for neither. */
  #breakOff(error: TlsError): void {
    this.#over = { error };
    const alert = this.#send().then(() => this.#sink.close());
    this.#connection.close();
    let late: ReturnType<typeof setTimeout> | undefined;
    const longEnough = new Promise<void>((resolve) => (late = setTimeout(resolve, ALERT_MS)));
    void Promise.race([alert, longEnough])
      .catch(() => undefined)
      .then(() => clearTimeout(late))
      .then(() => this.#reset(error));
  }

  /** So that the transport sees its end, and nothing of it is left. */
  async #drain(): Promise<void> {
    try {
      for (let bytes = this.#received.length; bytes <= MOST_AFTER_END;) {
        const { value } = await this.#source.read();
        if (value === undefined) return;
        bytes += value.length;
      }
      await this.#source.cancel();
    } catch {
      // Both sides had ended as far as TLS goes.
    }
  }

  async #reset(reason: unknown): Promise<void> {
    await Promise.allSettled([this.#source.cancel(reason), this.#sink.abort(reason)]);
  }

  #freeIfDone(): void {
    if (this.#readEnded && this.#writeEnded) this.#connection.close();
  }

  #throwIfOver(): void {
    if (this.#over) throw this.#over.error;
  }
}

import { tlsError, TlsError, type TlsErrorCode } from './errors.js';
import type { TrustedRoots } from './certificates.js';
import type { TlsTarget } from './engine.js';

/** What `wasm/tls` exports; its sources say what each does. Handles and lengths only, and negative numbers for failures. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  buffer(): number;
  buffer_size(): number;
  config_new(): number;
  config_mozilla(config: number): number;
  config_root(config: number, length: number): number;
  config_alpn(config: number, length: number): number;
  config_free(config: number): number;
  open(config: number, length: number): number;
  close(connection: number): number;
  receive(connection: number, length: number): number;
  receive_end(connection: number): number;
  send(connection: number): number;
  read(connection: number): number;
  write(connection: number, length: number): number;
  write_end(connection: number): number;
  state(connection: number): number;
  version(connection: number): number;
  alpn(connection: number): number;
  detail(): number;
}

/** By their number in `wasm/tls/src/failure.rs`, from 1. */
const CODES: readonly TlsErrorCode[] = [
  'certificate-expired',
  'certificate-not-yet-valid',
  'certificate-name',
  'certificate-issuer',
  'certificate-use',
  'certificate-invalid',
  'version',
  'alpn',
  'refused',
  'protocol',
  'truncated',
  'options',
  'engine',
];

/** Whose detail is a time, in seconds. */
const DATED: readonly TlsErrorCode[] = ['certificate-expired', 'certificate-not-yet-valid'];

const HANDSHAKING = 1;
const RESUMED = 2;
const ENDED = 4;

const TLS_1_3 = 0x0304;

/** `getRandomValues` gives no more at once. */
const MOST_RANDOM = 65_536;

/** The TLS module, running. Synchronous, without any input or output of its own. */
export class Rustls {
  readonly #exports: Exports;
  readonly #at: number;
  readonly #size: number;
  #memory: Uint8Array<ArrayBuffer>;
  #broken: TlsError | undefined;
  readonly #forgotten = new FinalizationRegistry<number>((connection) => {
    if (!this.#broken) this.#exports.close(connection);
  });

  private constructor(exports: Exports) {
    this.#exports = exports;
    this.#at = exports.buffer();
    this.#size = exports.buffer_size();
    this.#memory = memoryOf(exports);
  }

  /** @throws {Error} if the module is not that of `wasm/tls`. */
  static async start(module: WebAssembly.Module): Promise<Rustls> {
    const memory = () => memoryOf(instance.exports as unknown as Exports);
    const random = (at: number, length: number) => {
      for (let done = 0; done < length; done += MOST_RANDOM) {
        crypto.getRandomValues(memory().subarray(at + done, at + Math.min(done + MOST_RANDOM, length)));
      }
    };
    const instance = await WebAssembly.instantiate(module, { env: { random, now: () => Date.now() / 1000 } });
    return new Rustls(instance.exports as unknown as Exports);
  }

  /** Whether it has crashed and is of no more use. */
  get broken(): boolean {
    return this.#broken !== undefined;
  }

  /** Bytes of memory that it has taken. */
  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /**
   * A configuration, by which connections are opened and whose sessions they resume; a handle.
   *
   * @throws {TlsError} `options` if a root cannot be read.
   */
  configure({ mozilla, others }: TrustedRoots, alpn: readonly string[]): number {
    const call = (run: (exports: Exports) => number) => this.call('the server', run);
    const config = call((exports) => exports.config_new());
    if (mozilla) call((exports) => exports.config_mozilla(config));
    for (const root of others) {
      const length = this.put(root);
      if (length < root.length) throw new TlsError('options', 'A root certificate is larger than 64 KiB.');
      call((exports) => exports.config_root(config, length));
    }
    for (const protocol of alpn) {
      const length = this.put(new TextEncoder().encode(protocol));
      call((exports) => exports.config_alpn(config, length));
    }
    return config;
  }

  /** Forgets a configuration; its connections go on. */
  forget(config: number): void {
    this.call('the server', (exports) => exports.config_free(config));
  }

  /** @throws {TlsError} `options` if the host is none. */
  open(config: number, { host }: TlsTarget): RustlsConnection {
    const length = this.put(new TextEncoder().encode(host));
    const handle = this.call(host, (exports) => exports.open(config, length));
    const connection = new RustlsConnection(this, handle, host);
    this.#forgotten.register(connection, handle, connection);
    return connection;
  }

  /** Frees a connection of this module. */
  close(connection: RustlsConnection, handle: number): void {
    this.#forgotten.unregister(connection);
    if (!this.#broken) this.call(connection.host, (exports) => exports.close(handle));
  }

  /**
   * Calls the module.
   *
   * @throws {TlsError} for a negative number.
   */
  call(host: string, run: (exports: Exports) => number): number {
    if (this.#broken) throw this.#broken;
    let result: number;
    try {
      result = run(this.#exports);
    } catch (cause) {
      // A panic of Rust, or no randomness. What the module holds is in an unknown state.
      const text = cause instanceof Error ? cause.message : String(cause);
      this.#broken = tlsError('engine', { host, text, cause });
      throw this.#broken;
    }
    if (result >= 0) return result;
    const code = CODES[-result - 1] ?? 'engine';
    const detail = this.take(this.#exports.detail());
    throw tlsError(code, { host, text: detailText(code, new TextDecoder().decode(detail)) });
  }

  /** Puts bytes into the module's buffer; gives how many of them had room. */
  put(bytes: Uint8Array): number {
    const length = Math.min(bytes.length, this.#size);
    this.#view().set(bytes.subarray(0, length), this.#at);
    return length;
  }

  /** A copy of what the module has put into its buffer. */
  take(length: number): Uint8Array<ArrayBuffer> {
    return this.#view().slice(this.#at, this.#at + length);
  }

  #view(): Uint8Array<ArrayBuffer> {
    // Its memory is another buffer whenever it has grown.
    if (this.#memory.length === 0) this.#memory = memoryOf(this.#exports);
    return this.#memory;
  }
}

/** One connection in the module; see `wasm/tls/src/lib.rs` for what the calls do. */
export class RustlsConnection {
  readonly host: string;
  readonly #rustls: Rustls;
  readonly #handle: number;
  #closed = false;

  constructor(rustls: Rustls, handle: number, host: string) {
    this.#rustls = rustls;
    this.#handle = handle;
    this.host = host;
  }

  isHandshaking(): boolean {
    return (this.#call((exports, handle) => exports.state(handle)) & HANDSHAKING) !== 0;
  }

  get resumed(): boolean {
    return (this.#call((exports, handle) => exports.state(handle)) & RESUMED) !== 0;
  }

  /** Whether the server has ended its side in peace, and all was read. */
  get ended(): boolean {
    return (this.#call((exports, handle) => exports.state(handle)) & ENDED) !== 0;
  }

  get version(): 'TLSv1.2' | 'TLSv1.3' {
    return this.#call((exports, handle) => exports.version(handle)) === TLS_1_3 ? 'TLSv1.3' : 'TLSv1.2';
  }

  get alpn(): string | null {
    const length = this.#call((exports, handle) => exports.alpn(handle));
    return length === 0 ? null : new TextDecoder().decode(this.#rustls.take(length));
  }

  /** Takes bytes from the server; gives how many of them. {@link read} until there is nothing more before the next. */
  receive(bytes: Uint8Array): number {
    const length = this.#rustls.put(bytes);
    return this.#call((exports, handle) => exports.receive(handle, length));
  }

  /** The server sends nothing more. */
  receiveEnd(): void {
    this.#call((exports, handle) => exports.receive_end(handle));
  }

  /** Bytes to be sent to the server. */
  send(): Uint8Array<ArrayBuffer> | undefined {
    return this.#taken((exports, handle) => exports.send(handle));
  }

  /** Plaintext from the server. */
  read(): Uint8Array<ArrayBuffer> | undefined {
    return this.#taken((exports, handle) => exports.read(handle));
  }

  /** Encrypts plaintext, to be sent; gives how many bytes of it. */
  write(bytes: Uint8Array): number {
    const length = this.#rustls.put(bytes);
    return this.#call((exports, handle) => exports.write(handle, length));
  }

  /** Ends our side, to be sent. */
  writeEnd(): void {
    this.#call((exports, handle) => exports.write_end(handle));
  }

  /** Frees it; it must not be used any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rustls.close(this, this.#handle);
  }

  #taken(run: (exports: Exports, handle: number) => number): Uint8Array<ArrayBuffer> | undefined {
    const length = this.#call(run);
    return length === 0 ? undefined : this.#rustls.take(length);
  }

  #call(run: (exports: Exports, handle: number) => number): number {
    return this.#rustls.call(this.host, (exports) => run(exports, this.#handle));
  }
}

function memoryOf({ memory }: Exports): Uint8Array<ArrayBuffer> {
  return new Uint8Array(memory.buffer);
}

function detailText(code: TlsErrorCode, detail: string): string {
  if (DATED.includes(code) && detail !== '') return new Date(Number(detail) * 1000).toISOString();
  // As rustls prints what it found: DnsName("example.org"), IpAddress(192.0.2.1).
  return code === 'certificate-name' ? detail.replaceAll(/\w+\("?([^")]*)"?\)/g, '$1') : detail;
}

import { Turns } from '../http/turns.js';
import { orAborted } from '../mixnet/or-aborted.js';
import type { Connect, TunnelSocket } from '../proxy/socket.js';
import { ByteReader } from './byte-reader.js';
import { closeEvent } from './close-event.js';
import { ABNORMAL, closeAnswer, closePayload, encodeClose, type CloseStatus } from './close-status.js';
import { contentOf, isBinary } from './content.js';
import { WebSocketError, WebSocketFailureEvent } from './errors.js';
import { EventHandlers, type EventHandler } from './event-handlers.js';
import { FrameWriter } from './frame-writer.js';
import { OPCODE } from './frame.js';
import { agreedProtocol, newKey, readResponseHead, requestHead, type Offer } from './handshake.js';
import { readMessages, type Incoming } from './message-reader.js';
import { parseProtocols, parseTarget } from './target.js';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** Bounds of one connection. */
export interface WebSocketLimits {
  /** Longest message taken, in bytes; 64 MiB by default. A longer one fails the connection with 1009. */
  readonly maxMessageBytes: number;
  /** How long the server may take to answer the handshake once the tunnel is open; 60,000 by default. */
  readonly openMs: number;
  /** How long closing may stand still, in ms; 30,000 by default. */
  readonly closeMs: number;
}

const DEFAULT_LIMITS: WebSocketLimits = {
  maxMessageBytes: 64 * 1024 * 1024,
  openMs: 60_000,
  closeMs: 30_000,
};

/**
 * A WHATWG `WebSocket` whose connection goes through the mixnet.
 *
 * It differs from a browser's own in this: the `error` event is a
 * {@link WebSocketFailureEvent} and says what was wrong; and `close` is dispatched once both sides have closed, without
 * waiting for the end of TCP below.
 */
export class TunnelWebSocket extends EventTarget implements WebSocket {
  static readonly CONNECTING = CONNECTING;
  static readonly OPEN = OPEN;
  static readonly CLOSING = CLOSING;
  static readonly CLOSED = CLOSED;
  readonly CONNECTING = CONNECTING;
  readonly OPEN = OPEN;
  readonly CLOSING = CLOSING;
  readonly CLOSED = CLOSED;

  declare addEventListener: WebSocket['addEventListener'];
  declare removeEventListener: WebSocket['removeEventListener'];

  readonly url: string;
  readonly extensions = '';

  readonly #limits: WebSocketLimits;
  readonly #socket: TunnelSocket;
  readonly #bytes: ByteReader;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #frames: FrameWriter;
  readonly #handlers = new EventHandlers(this);
  /** Aborts, with the reason, when there is nothing more to wait for. */
  readonly #gaveUp = new AbortController();
  #readyState: WebSocket['readyState'] = CONNECTING;
  #protocol = '';
  #binaryType: BinaryType = 'blob';
  #bufferedAmount = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Of the server's Close frame. */
  #status: CloseStatus | undefined;

  /**
   * @param connect opens the connection to the upstream.
   * @param url absolute, `ws:`, `wss:`, `http:` or `https:`. Its host only names the upstream to itself; over TLS its certificate
   *   must be for it.
   * @throws {DOMException} `SyntaxError` for an impossible URL or protocol.
   */
  constructor(
    connect: Connect,
    url: string | URL,
    protocols: string | readonly string[] = [],
    limits: Partial<WebSocketLimits> = {},
  ) {
    super();
    const target = parseTarget(url);
    const offer = { key: newKey(), protocols: parseProtocols(protocols) };
    this.url = target.href;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    const secure = { secureTransport: 'on', sni: target.hostname, alpn: ['http/1.1'] } as const;
    this.#socket = target.protocol === 'wss:' ? connect(secure) : connect();
    this.#socket.closed.catch(() => undefined);
    this.#bytes = new ByteReader(this.#socket.readable);
    this.#writer = this.#socket.writable.getWriter();
    this.#writer.closed.catch(() => undefined);
    this.#frames = new FrameWriter(this.#writer, (dataBytes) => this.#onWritten(dataBytes));
    void this.#run(target, offer);
  }

  get readyState(): WebSocket['readyState'] {
    return this.#readyState;
  }

  get protocol(): string {
    return this.#protocol;
  }

  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    const known: readonly string[] = ['blob', 'arraybuffer'];
    if (known.includes(type)) this.#binaryType = type;
  }

  get onopen(): EventHandler<'open'> {
    return this.#handlers.get('open');
  }

  set onopen(handler: EventHandler<'open'>) {
    this.#handlers.set('open', handler);
  }

  get onmessage(): EventHandler<'message'> {
    return this.#handlers.get('message');
  }

  set onmessage(handler: EventHandler<'message'>) {
    this.#handlers.set('message', handler);
  }

  get onerror(): EventHandler<'error'> {
    return this.#handlers.get('error');
  }

  set onerror(handler: EventHandler<'error'>) {
    this.#handlers.set('error', handler);
  }

  get onclose(): EventHandler<'close'> {
    return this.#handlers.get('close');
  }

  set onclose(handler: EventHandler<'close'>) {
    this.#handlers.set('close', handler);
  }

  /** @throws {DOMException} `InvalidStateError` before it is open. */
  send(data: string | BufferSource | Blob): void {
    if (this.#readyState === CONNECTING) {
      throw new DOMException('The WebSocket is not open yet; wait for its open event.', 'InvalidStateError');
    }
    const content = contentOf(data);
    this.#bufferedAmount += content instanceof Blob ? content.size : content.length;
    if (this.#readyState !== OPEN) return;
    this.#giveUpIfRejected(this.#frames.send(isBinary(data) ? OPCODE.binary : OPCODE.text, content));
  }

  /** @throws {DOMException} `InvalidAccessError` for a code, `SyntaxError` for a reason that cannot be sent. */
  close(code?: number, reason?: string): void {
    const payload = closePayload(code, reason);
    if (this.#readyState === CONNECTING) {
      this.#gaveUp.abort(new WebSocketError('it was closed before it was open'));
    } else if (this.#readyState === OPEN) {
      this.#giveUpIfRejected(this.#frames.close(payload));
    } else {
      return;
    }
    this.#startClosing();
  }

  /** From the first byte to the last. Never rejects. */
  async #run(target: URL, offer: Offer): Promise<void> {
    let failure: unknown;
    try {
      await orAborted(this.#converse(target, offer), this.#gaveUp.signal);
    } catch (error) {
      failure = error;
    }
    clearTimeout(this.#timer);
    this.#readyState = CLOSED;
    if (failure !== undefined) this.dispatchEvent(new WebSocketFailureEvent(failure));
    const { code, reason } = this.#status ?? { code: ABNORMAL, reason: '' };
    this.dispatchEvent(closeEvent(code, reason, this.#status !== undefined && failure === undefined));
    await this.#letGo(failure);
  }

  /** Settles when the server has closed, or ended the connection. */
  async #converse(target: URL, offer: Offer): Promise<void> {
    const { signal } = this.#gaveUp;
    await this.#socket.opened;
    signal.throwIfAborted();
    this.#giveUpAfter(this.#limits.openMs, 'the server did not answer the handshake in time');
    await this.#writer.write(requestHead(target, offer));
    const protocol = await agreedProtocol(await readResponseHead(this.#bytes), offer);
    signal.throwIfAborted();
    clearTimeout(this.#timer);
    this.#protocol = protocol;
    this.#readyState = OPEN;
    this.dispatchEvent(new Event('open'));

    const turns = new Turns();
    for await (const incoming of readMessages(this.#bytes, this.#limits.maxMessageBytes)) {
      signal.throwIfAborted();
      if (incoming.kind === 'close') {
        this.#status = incoming.status;
        this.#startClosing();
        await this.#frames.closeNow(closeAnswer(incoming.status));
        return;
      }
      this.#take(incoming);
      await turns.next();
    }
  }

  #take(incoming: Incoming): void {
    if (incoming.kind === 'ping') this.#giveUpIfRejected(this.#frames.pong(incoming.payload));
    if (this.#readyState !== OPEN) return;
    if (incoming.kind === 'text') this.#dispatchMessage(incoming.text);
    if (incoming.kind === 'binary') {
      const { bytes } = incoming;
      this.#dispatchMessage(this.#binaryType === 'blob' ? new Blob([bytes]) : bytes.buffer);
    }
  }

  #dispatchMessage(data: string | Blob | ArrayBuffer): void {
    this.dispatchEvent(new MessageEvent('message', { data, origin: new URL(this.url).origin }));
  }

  #onWritten(dataBytes: number): void {
    this.#bufferedAmount -= dataBytes;
    if (this.#readyState === CLOSING) this.#startClosing();
  }

  /** It may take as long as it likes as long as something moves. */
  #startClosing(): void {
    this.#readyState = CLOSING;
    this.#giveUpAfter(this.#limits.closeMs, 'the server did not close its side in time');
  }

  #giveUpAfter(ms: number, why: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#gaveUp.abort(new WebSocketError(why)), ms);
  }

  #giveUpIfRejected(sending: Promise<void>): void {
    sending.catch((error: unknown) => this.#gaveUp.abort(error));
  }

  /** Says goodbye if there is anything to say, waits for the server to end the connection, and releases all. */
  async #letGo(failure: unknown): Promise<void> {
    this.#frames.drop();
    const closeCode = failure instanceof WebSocketError ? failure.closeCode : undefined;
    const reset = () => {
      this.#socket.close(failure).catch(() => undefined);
    };
    if (failure !== undefined && closeCode === undefined) {
      reset();
      return;
    }
    const timer = setTimeout(reset, this.#limits.closeMs);
    try {
      if (closeCode !== undefined) await this.#frames.closeNow(encodeClose(closeCode));
      await Promise.all([this.#writer.close(), this.#bytes.drain()]);
    } catch {
      reset();
    }
    clearTimeout(timer);
  }
}

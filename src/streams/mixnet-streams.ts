import { AnswerRate } from '../admission/answer-rate.js';
import { wholeNumberOf, OptionError } from '../basics/options-check.js';
import type { MixnetClient } from '../mixnet/client.js';
import { MixnetClientError } from '../mixnet/errors.js';
import { Listeners } from '../mixnet/listeners.js';
import { lostOrAborted, useInSuccession, type StartClient } from '../mixnet/succession.js';
import { SessionAcceptor } from '../session/acceptor.js';
import { ConnectionWatch } from '../session/connection-watch.js';
import { STREAM_ENVELOPE } from '../session/envelope.js';
import { SessionError } from '../session/errors.js';
import { FLUSH_MS } from '../session/limits.js';
import type { Gate } from '../session/gate.js';
import { SessionOpener } from '../session/opener.js';
import type { Session } from '../session/session.js';
import { formatNymAddress, parseNymAddress } from '../wire/nym-address.js';
import { StreamListener } from './listener.js';
import { MixnetStream } from './mixnet-stream.js';

/** Time without a byte either way after which a stream ends unless told otherwise: 30 min, as in the Rust SDK. */
export const DEFAULT_IDLE_TIMEOUT_MS = 30 * 60_000;

/** Streams that wait to be taken unless told otherwise, and open ones that came from others. */
const DEFAULT_BACKLOG = 128;
const DEFAULT_MAX_INCOMING = 1024;

/** Bytes held for all streams together, unless told otherwise: as many as for all sessions of a proxy's server. */
const DEFAULT_MAX_BUFFERED_BYTES = 256 * 1024 * 1024;

/** Settings of {@link MixnetStreams}. */
export interface StreamSettings {
  /** Time in ms without a byte either way after which a stream is reset with `timeout`; 30 min unless given. */
  readonly idleTimeoutMs?: number | undefined;
  /** Streams from others that may be open at once, those that wait included; 1024 unless given. */
  readonly maxIncoming?: number | undefined;
  /**
   * Bytes held for all streams together, what the official client may still hold of them included; 256 MiB unless given,
   * 0 is no limit. Beyond it, streams of the peer whose streams hold most are reset with `limit`.
   */
  readonly maxBufferedBytes?: number | undefined;
}

/** What {@link MixnetStreams.create} needs. */
export interface MixnetStreamsOptions extends StreamSettings {
  /** Starts a mixnet client, the first one and one after each that was lost. With an identity that is kept the address stays. */
  readonly start: StartClient;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
}

/** How to open a stream. */
export interface OpenStreamOptions {
  /**
   * SURBs that the recipient gets at once: 10 with each message, 120 in all at most. By default as few as suffice. More
   * are sent as they are used up. A Rust recipient keeps 10 for itself, so that its first answer comes sooner with 10 and
   * as many as it has packets.
   */
  readonly replySurbs?: number | undefined;
  /** Goes out with the message that opens the stream, as far as that has room (about 11 KB). */
  readonly initialData?: Uint8Array | undefined;
  /** Resets the stream when it aborts, however far that has come. */
  readonly signal?: AbortSignal | undefined;
}

/** How to listen for streams. */
export interface ListenOptions {
  /** Streams that may wait to be taken; more are refused. 128 unless given. */
  readonly backlog?: number | undefined;
  /** Ends the listening, and with it the loop. */
  readonly signal?: AbortSignal | undefined;
}

/** The events of {@link MixnetStreams}. */
export interface MixnetStreamsEvents {
  /** The mixnet client was lost, or could not be started again; the next try is `retryMs` away. */
  retry: { readonly error: unknown; readonly retryMs: number };
}

/**
 * Byte streams over one mixnet client: to any number of recipients, and from whoever knows its Nym address. They share
 * the client's packets, each by turns. When the client is lost, the streams wait for the next one, two minutes at most;
 * those that others have opened only if it has the same address.
 *
 * ```ts
 * await using streams = await MixnetStreams.create({ start });
 * const stream = streams.openStream(address, { initialData: request });
 * for await (const chunk of stream.readable) ...
 * ```
 */
export class MixnetStreams implements AsyncDisposable {
  readonly #maxIncoming: number;
  readonly #watch: ConnectionWatch;
  readonly #opener: SessionOpener;
  readonly #acceptor: SessionAcceptor;
  readonly #answers = new AnswerRate(performance.now());
  readonly #retries = new Listeners<MixnetStreamsEvents['retry']>();
  readonly #stop = new AbortController();
  readonly #succession: Promise<void>;
  #client: MixnetClient;
  #listener: StreamListener | undefined;
  #closed: Promise<void> | undefined;

  /**
   * @param client that is ready, and now belongs to these streams.
   * @param start starts another one after each that was lost.
   * @throws {RangeError} if a setting cannot be used.
   */
  constructor(client: MixnetClient, start: StartClient, settings: StreamSettings = {}) {
    const { idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS, maxIncoming = DEFAULT_MAX_INCOMING } = settings;
    if (!(idleTimeoutMs > 0)) throw new OptionError(`idleTimeoutMs must be above 0, not ${idleTimeoutMs}`);
    const { maxBufferedBytes = DEFAULT_MAX_BUFFERED_BYTES } = settings;
    wholeNumberOf('maxIncoming', maxIncoming);
    wholeNumberOf('maxBufferedBytes', maxBufferedBytes);
    this.#client = client;
    this.#maxIncoming = maxIncoming;
    this.#watch = new ConnectionWatch({ maxBufferedBytes });
    this.#opener = new SessionOpener(client, { envelope: STREAM_ENVELOPE, idleTimeoutMs });
    this.#acceptor = new SessionAcceptor({
      envelopes: [STREAM_ENVELOPE],
      idleTimeoutMs,
      onSession: (session, senderTag) => this.#accept(session, senderTag),
      gate: this.#gate(),
    });
    this.#succession = useInSuccession({
      client,
      start,
      use: (next) => this.#useOver(next),
      onRetry: (error, retryMs) => this.#retries.call({ error, retryMs }),
      signal: this.#stop.signal,
    });
  }

  /**
   * Connects to the mixnet.
   *
   * @throws what `start` throws.
   * @throws {RangeError} if a setting cannot be used.
   */
  static async create({ start, signal, ...settings }: MixnetStreamsOptions): Promise<MixnetStreams> {
    const client = await start(signal);
    try {
      return new MixnetStreams(client, start, settings);
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** Where others reach it. Without an identity that is kept, another one after each loss of the mixnet client. */
  get address(): string {
    return this.#client.address;
  }

  /** Whether its mixnet client is ready. */
  get ready(): boolean {
    return this.#client.state === 'ready';
  }

  /** Open streams, from here and from others. */
  get size(): number {
    return this.#opener.size + this.#acceptor.size;
  }

  /** Entries kept of streams and strangers; lets tests and metrics check that memory is bounded. */
  get remembered(): number {
    return this.size + this.#opener.remembered + this.#acceptor.remembered + this.#answers.remembered;
  }

  /** Calls `listener` for each event until the returned function is called. */
  on(_event: 'retry', listener: (value: MixnetStreamsEvents['retry']) => void): () => void {
    return this.#retries.add(listener);
  }

  /**
   * Opens a stream. Whether somebody is there only the stream shows: a peer of ours answers at once, a Rust one when its
   * application has something to say.
   *
   * @throws {WireError} if the recipient is no Nym address.
   * @throws {RangeError} if `replySurbs` is no whole number.
   * @throws {MixnetClientError} `state` if these streams are closed.
   * @throws the signal's reason if it has aborted already.
   */
  openStream(recipient: string, options: OpenStreamOptions = {}): MixnetStream {
    const { replySurbs = 0, initialData, signal } = options;
    this.#assertOpen();
    signal?.throwIfAborted();
    wholeNumberOf('replySurbs', replySurbs);
    const address = formatNymAddress(parseNymAddress(recipient));
    const session = this.#opener.open(address, { surbs: replySurbs });
    this.#follow(session, address);
    if (initialData) writeFirst(session, initialData);
    const stream = new MixnetStream(session);
    if (signal) resetOnAbort(stream, signal);
    return stream;
  }

  /**
   * Listens for streams that others open, until the loop is left, the signal aborts or these streams are closed; those
   * that nobody has taken by then are reset. Without a listener, streams from others are refused.
   *
   * ```ts
   * for await (const stream of streams.listen()) void serve(stream);
   * ```
   *
   * @throws {MixnetClientError} `state` if there is a listener already, or these streams are closed.
   * @throws {RangeError} if `backlog` is no whole number above 0.
   */
  listen({ backlog = DEFAULT_BACKLOG, signal }: ListenOptions = {}): AsyncIterableIterator<
    MixnetStream,
    undefined
  > {
    this.#assertOpen();
    wholeNumberOf('backlog', backlog, { min: 1 });
    if (this.#listener)
      throw new MixnetClientError(
        'state',
        'There is a listener already: leave its loop before another one is made.',
      );
    const onAbort = () => listener.stop();
    const listener = new StreamListener(backlog, () => {
      signal?.removeEventListener('abort', onAbort);
      this.#listener = undefined;
    });
    this.#listener = listener;
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    return listener;
  }

  /** Resets every stream, tells the peers, and leaves the mixnet. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #accept(session: Session, senderTag: string): void {
    this.#follow(session, senderTag);
    this.#listener?.add(new MixnetStream(session));
  }

  /** Watches a stream for as long as anything may be held for it. */
  #follow(session: Session, owner: string): void {
    const unwatch = this.#watch.add({ connection: session, owner, end: (error) => session.reset(error) });
    void session.drained.then(unwatch);
  }

  async #close(): Promise<void> {
    this.#stop.abort();
    this.#listener?.stop();
    await this.#succession;
    await Promise.all([this.#opener.close(), this.#acceptor.close()]);
    await this.#client.flush(FLUSH_MS);
    await this.#client.close();
  }

  async #useOver(client: MixnetClient): Promise<void> {
    const { address, lostReason } = this.#client;
    this.#client = client;
    this.#opener.moveTo(client);
    if (client.address !== address) {
      // Nobody who has opened a stream finds it under another address.
      await this.#acceptor.close(new SessionError('lost', 'us', undefined, { cause: lostReason }));
    }
    this.#acceptor.serveOver(client);
    await lostOrAborted(client, this.#stop.signal);
  }

  #gate(): Gate {
    return {
      admit: () => {
        if (this.#listener === undefined) return 'refused';
        return this.#listener.full || this.#acceptor.size >= this.#maxIncoming ? 'limit' : undefined;
      },
      mayAnswer: (senderTag) => this.#answers.spend(senderTag, performance.now()),
    };
  }

  #assertOpen(): void {
    if (this.#closed) throw new MixnetClientError('state', 'These streams are closed.');
  }
}

/** Hands the first bytes over before anybody else can write; what is wrong with the stream shows at the stream. */
function writeFirst(session: Session, bytes: Uint8Array): void {
  const writer = session.writable.getWriter();
  writer.write(bytes).catch(() => undefined);
  writer.releaseLock();
}

function resetOnAbort(stream: MixnetStream, signal: AbortSignal): void {
  const onAbort = () => stream.reset(signal.reason);
  const ended = () => signal.removeEventListener('abort', onAbort);
  signal.addEventListener('abort', onAbort);
  stream.closed.then(ended, ended);
}

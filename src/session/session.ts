import { MAX_TIMER_MS } from '../basics/options-check.js';
import type { Frame } from '../wire/frame.js';
import type { SessionId } from '../wire/session-id.js';
import type { Connection, ConnectionStats } from './connection.js';
import type { Outcome } from './ending.js';
import { SessionEngine } from './engine.js';
import type { SessionMessage } from './envelope.js';
import type { SessionError } from './errors.js';
import { LINGER_MS } from './limits.js';
import type { OutgoingMessage } from './message-packer.js';
import type { Dialect, EngineOptions } from './session-state.js';
import type { ReplyStock } from './reply-stock.js';
import { StreamPair } from './stream-pair.js';
import type { SurbStock } from './surb-stock.js';

/**
 * Hands a message to a mixnet client; settles when the next one may follow. A rejection means that this client is gone:
 * the session is paused.
 */
export type Deliver = (message: OutgoingMessage) => Promise<void>;

/** What a session is made with besides what its engine needs. */
export interface SessionOptions extends Omit<EngineOptions, 'now' | 'wake'> {
  readonly deliver: Deliver;
}

/**
 * One end of a session as a pair of byte streams. Back-pressure goes all the way: what is not read here is not sent
 * there, once the receive window is full.
 *
 * It outlives its mixnet client, unless the peer talks the Rust way: {@link pause} and {@link resume}.
 */
export class Session implements Connection {
  readonly id: SessionId;
  /** The peer's bytes, exactly and in order. Errors with a {@link SessionError}; cancelling resets the session. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Bytes for the peer. Closing half-closes; aborting resets, with the code of a {@link SessionError} if it is one. */
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when the session is done (see `Outcome`); rejects with the {@link SessionError} of a reset. */
  readonly closed: Promise<void>;
  /**
   * Resolves some time after {@link closed} has settled: when the peer is known to know, {@link LINGER_MS} later at the
   * latest. Until then the session should get its messages, and keep its mixnet client.
   */
  readonly parted: Promise<void>;

  readonly #engine: SessionEngine;
  readonly #streams: StreamPair;
  #deliver: Deliver;
  #end: { resolve: () => void; reject: (error: SessionError) => void } | undefined;
  #part: (() => void) | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pumping = false;
  #settled = false;

  constructor(options: SessionOptions) {
    this.id = options.sessionId;
    this.#deliver = options.deliver;
    const wake = () => this.#advance();
    this.#engine = new SessionEngine({ ...options, wake, now: performance.now() });
    this.closed = new Promise((resolve, reject) => (this.#end = { resolve, reject }));
    this.closed.catch(() => undefined);
    this.parted = new Promise((resolve) => (this.#part = resolve));
    this.#streams = new StreamPair({
      pull: (controller) => this.#pull(controller),
      write: (bytes) => this.#write(bytes),
      close: () => {
        this.#engine.finish();
        this.#advance();
      },
      reset: (error) => this.reset(error),
    });
    this.readable = this.#streams.readable;
    this.writable = this.#streams.writable;
    this.#advance();
  }

  /** How this end talks to its peer. */
  get dialect(): Dialect {
    return this.#engine.dialect;
  }

  /** What to tell a peer that asks after the end; `undefined` for one that need not be told. */
  get epitaph(): readonly Frame[] | undefined {
    return this.#engine.epitaph;
  }

  stats(): ConnectionStats {
    const engine = this.#engine;
    return {
      bytesSent: engine.bytesSent,
      bytesReceived: engine.bytesReceived,
      bytesBuffered: engine.unsent + engine.unacknowledged + engine.unread,
      bytesGranted: engine.granted,
      bytesAcknowledged: engine.acknowledged,
      bytesHandedOver: engine.handedOver(performance.now()),
      heardAt: engine.heardAt,
      unansweredSince: engine.unansweredSince,
      pausedSince: engine.pausedSince,
      roundTripMs: engine.answerMs,
      openingMs: engine.firstAnswerMs,
    };
  }

  /**
   * Takes in a message of this session. Tells whether it came from the peer's current mixnet client, to which replies
   * belong.
   *
   * @param replies the SURBs of the client that it came from, at an acceptor.
   */
  receive(message: SessionMessage, replies?: ReplyStock): boolean {
    const current = this.#engine.receive(message, performance.now(), replies);
    this.#advance();
    return current;
  }

  /** The mixnet client is gone. What is not delivered waits for {@link resume}, for a limited time. */
  pause(cause?: unknown): void {
    this.#engine.routeLost(performance.now(), cause);
    this.#advance();
  }

  /**
   * Goes on over another mixnet client.
   *
   * @param surbs those given to the peer over this client, at an opener.
   */
  resume(deliver: Deliver, surbs: SurbStock | undefined): void {
    this.#deliver = deliver;
    this.#engine.routeFound(performance.now(), surbs);
    this.#advance();
  }

  /**
   * Reads no more: what still comes is dropped. A peer in the Rust way that has no way to say its end is not waited for
   * then, once {@link writable} is closed.
   */
  discard(): void {
    this.#engine.discard(performance.now());
    this.#advance();
  }

  /** Ends the session in both directions and tells the peer, unless the error came from there. */
  reset(error: SessionError): void {
    this.#engine.reset(error);
    this.#advance();
  }

  /** After the end: waits for the peer no longer. */
  part(): void {
    if (!this.#settled) return;
    clearTimeout(this.#timer);
    this.#part?.();
  }

  /** Brings reader, sender, timer and outcome up to date with the engine; to be called after every change to it. */
  #advance(): void {
    this.#wakeReader?.();
    if (!this.#pumping) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    if (!this.#settled) clearTimeout(this.#timer);
    // What is written at the same moment, a last chunk and the end above all, shares a message.
    await new Promise((resolve) => setTimeout(resolve));
    for (;;) {
      const message = this.#engine.poll(performance.now());
      this.#wakeWriter?.();
      if (message === undefined) break;
      const deliver = this.#deliver;
      try {
        await deliver(message);
      } catch (error) {
        // The client may have been replaced meanwhile.
        if (deliver === this.#deliver) this.#engine.routeLost(performance.now(), error);
      }
    }
    this.#pumping = false;
    this.#settle();
    this.#armTimer();
  }

  #armTimer(): void {
    const { deadline } = this.#engine;
    if (deadline === undefined) return;
    const delay = Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(deadline - performance.now())));
    this.#timer = setTimeout(() => this.#advance(), delay);
  }

  #settle(): void {
    const { outcome } = this.#engine;
    if (outcome === undefined) return;
    if (!this.#settled) this.#showOutcome(outcome);
    if (this.#engine.parted) this.part();
  }

  #showOutcome(outcome: Outcome): void {
    this.#settled = true;
    this.#timer = setTimeout(() => this.part(), LINGER_MS);
    if (outcome.kind === 'reset') {
      this.#streams.error(outcome.error);
      this.#end?.reject(outcome.error);
    } else {
      this.#end?.resolve();
    }
    this.#wakeWriter?.();
    this.#wakeReader?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      const chunk = this.#engine.take(performance.now());
      if (chunk !== undefined) {
        controller.enqueue(chunk);
        this.#advance();
        return;
      }
      if (this.#engine.readToEnd) {
        controller.close();
        this.#advance();
        return;
      }
      if (this.#engine.outcome !== undefined) return;
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      this.#wakeReader = undefined;
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      if (this.#engine.outcome !== undefined) return;
      const { room } = this.#engine;
      if (room > 0) {
        this.#engine.write(bytes.subarray(written, written + room));
        written += room;
        this.#advance();
      } else {
        await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
        this.#wakeWriter = undefined;
      }
    }
  }
}

import { deferred } from '../basics/deferred.js';
import type { SessionId } from '../wire/session-id.js';
import { SYSTEM_CLOCK, type Clock } from './clock.js';
import type { Connection, ConnectionStats } from './connection.js';
import type { SessionEngine } from './engine/engine.js';
import type { OutgoingMessage } from './engine/message-packer.js';
import type { Mode } from './engine/state.js';
import type { SessionError } from './errors.js';
import { StreamPair } from './stream-pair.js';
import type { SurbSupply } from './surbs/surb-supply.js';

/**
 * Hands a message to a mixnet client; settles when the next one may follow. A rejection means that this client is gone:
 * the session is paused.
 */
export type Deliver = (message: OutgoingMessage) => Promise<void>;

/** What a {@link Session} is made of. */
export interface SessionOptions {
  readonly engine: SessionEngine;
  readonly deliver: Deliver;
  readonly clock?: Clock | undefined;
}

/**
 * One end of a session as a pair of byte streams. Back-pressure goes all the way: what is not read here is not sent
 * there, once the receive window is full.
 *
 * It outlives its mixnet client, unless the peer talks in legacy mode: {@link pause} and {@link resume}.
 *
 * A session that ends, ends for the application at once ({@link closed}); telling the peer may take longer
 * ({@link drained}).
 */
export class Session implements Connection {
  /**
   * The peer's bytes, exactly and in order. Errors with a {@link SessionError}, after every byte that came before the
   * peer's reset, or before this end noticed that the peer is gone. Cancelling resets the session.
   */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * Bytes for the peer. Closing half-closes. Aborting resets, with the code of a {@link SessionError} if it is one: what
   * was written is still sent, then the peer's stream fails. A chunk that is no `Uint8Array` resets the session.
   */
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when the session is done (see `Outcome`); rejects with the {@link SessionError} of a reset. */
  readonly closed: Promise<void>;
  /**
   * Resolves after {@link closed} has settled: when the peer knows, or is waited for no longer. Until then the session
   * should get its messages, and keep its mixnet client.
   */
  readonly drained: Promise<void>;

  readonly #engine: SessionEngine;
  readonly #clock: Clock;
  readonly #streams: StreamPair;
  readonly #close = deferred();
  readonly #drain = deferred();
  #deliver: Deliver;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  #cancelTimer: (() => void) | undefined;
  #pumping: Promise<void> | undefined;
  /** What the application has been shown: nothing, that it cannot write, or that the session has ended. */
  #shown: 'open' | 'unwritable' | 'ended' = 'open';

  constructor({ engine, deliver, clock = SYSTEM_CLOCK }: SessionOptions) {
    this.#engine = engine;
    this.#clock = clock;
    this.#deliver = deliver;
    this.closed = this.#close.promise;
    this.closed.catch(() => undefined);
    this.drained = this.#drain.promise;
    this.#streams = new StreamPair({
      pull: (controller) => this.#pull(controller),
      write: (bytes) => this.#write(bytes),
      close: () => {
        this.#engine.finish();
        this.advance();
      },
      reset: (error) => this.reset(error),
    });
    this.readable = this.#streams.readable;
    this.writable = this.#streams.writable;
    this.advance();
  }

  get id(): SessionId {
    return this.#engine.id;
  }

  /** How this end talks to its peer. */
  get mode(): Mode {
    return this.#engine.mode;
  }

  /** The version of the session protocol that both ends speak; 1 until an opener has been told. */
  get version(): number {
    return this.#engine.version;
  }

  stats(): ConnectionStats {
    const engine = this.#engine;
    return {
      bytesSent: engine.bytesSent,
      bytesReceived: engine.bytesReceived,
      bytesBuffered: engine.unsent + engine.unacknowledged + engine.unread,
      bytesGranted: engine.bytesGranted,
      bytesAcknowledged: engine.bytesAcknowledged,
      bytesHandedOver: engine.handedOver(this.#clock.now()),
      heardAt: engine.heardAt,
      unansweredSince: engine.unansweredSince,
      pausedSince: engine.pausedSince,
      roundTripMs: engine.answerMs,
      openingMs: engine.firstAnswerMs,
    };
  }

  /** Grants the peer at most so many bytes ahead of the reader from now on. What was granted stays granted. */
  limitWindow(bytes: number): void {
    this.#engine.limitWindow(bytes);
  }

  /** The mixnet client is gone. What is not delivered waits for {@link resume}, for a limited time. */
  pause(cause?: unknown): void {
    this.#engine.pathLost(this.#clock.now(), cause);
    this.advance();
  }

  /**
   * Goes on over another mixnet client.
   *
   * @param supply the SURBs given to the peer over this client, at an opener.
   */
  resume(deliver: Deliver, supply: SurbSupply | undefined): void {
    this.#deliver = deliver;
    this.#engine.pathFound(this.#clock.now(), supply);
    this.advance();
  }

  /**
   * Reads no more: what still comes is dropped. A peer in legacy mode that has no way to say its end is not waited for
   * then, once {@link writable} is closed.
   */
  discard(): void {
    this.#engine.discard(this.#clock.now());
    this.advance();
  }

  /**
   * Ends the session in both directions, at once. The peer is told, unless the error came from there; before that it gets
   * what was written, unless the error says that the peer is at fault or memory is short.
   */
  reset(error: SessionError): void {
    this.#engine.reset(error, this.#clock.now());
    this.advance();
  }

  /** Ends a session that has ended for the application: its peer is waited for no longer. */
  abandon(): void {
    this.#engine.drain();
    this.advance();
  }

  /** Settles when everything that can be sent now was handed to the mixnet client. */
  async handedOver(): Promise<void> {
    await this.#pumping;
  }

  /** Brings streams, sender, timer and promises up to date with the engine; to be called after every change to it. */
  advance(): void {
    this.#engine.settle(this.#clock.now());
    this.#show();
    this.#wakeReader?.();
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined;
      this.#arm();
    });
    this.#arm();
  }

  async #pump(): Promise<void> {
    // What is written at the same moment, a last chunk and the end above all, shares a message.
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    for (;;) {
      const message = this.#engine.poll(this.#clock.now());
      this.#show();
      this.#wakeWriter?.();
      if (message === undefined) return;
      const deliver = this.#deliver;
      try {
        await deliver(message);
      } catch (error) {
        // The client may have been replaced meanwhile.
        if (deliver !== this.#deliver) continue;
        this.#engine.pathLost(this.#clock.now(), error);
        this.#show();
      }
    }
  }

  /** While a message waits for its turn, only the end of the session has its timer. */
  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const deadline = this.#pumping ? this.#engine.endDeadline : this.#engine.deadline;
    if (deadline === undefined) return;
    this.#cancelTimer = this.#clock.after(deadline - this.#clock.now(), () => this.advance());
  }

  /** Shows the application what has become of the session. */
  #show(): void {
    const { failure, outcome, phase } = this.#engine;
    if (failure && this.#shown === 'open') {
      this.#shown = 'unwritable';
      this.#streams.errorWriter(failure);
      this.#wakeWriter?.();
    }
    if (outcome && this.#shown !== 'ended') {
      this.#shown = 'ended';
      if (outcome.kind === 'done') this.#close.resolve();
      else this.#close.reject(outcome.error);
      this.#wakeWriter?.();
      this.#wakeReader?.();
    }
    if (outcome?.kind === 'reset' && !this.#engine.readable) this.#streams.errorReader(outcome.error);
    if (phase === 'drained') this.#drain.resolve();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      const chunk = this.#engine.take(this.#clock.now());
      if (chunk !== undefined) {
        controller.enqueue(chunk);
        this.advance();
        return;
      }
      if (this.#engine.readToEnd) {
        controller.close();
        this.advance();
        return;
      }
      if (this.#engine.outcome !== undefined) {
        this.#show();
        return;
      }
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      this.#wakeReader = undefined;
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    // A loop that writes nothing must not starve everything else.
    if (bytes.length === 0) await new Promise<void>((resolve) => this.#clock.soon(resolve));
    let written = 0;
    while (written < bytes.length) {
      if (this.#engine.failure) throw this.#engine.failure;
      const { room } = this.#engine;
      if (room > 0) {
        this.#engine.write(bytes.subarray(written, written + room));
        written += room;
        this.advance();
      } else {
        await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
        this.#wakeWriter = undefined;
      }
    }
  }
}

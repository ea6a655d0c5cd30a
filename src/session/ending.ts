import { decodeFrames, encodeFrames, type Frame } from '../wire/frame.js';
import type { ResetCode } from '../wire/reset-code.js';
import type { SessionMessage } from './envelope.js';
import type { SessionError } from './errors.js';
import type { FramesDialect } from './frames-dialect.js';
import type { OutgoingMessage } from './message-packer.js';
import type { SessionState } from './session-state.js';

const EMPTY = new Uint8Array();

/**
 * How a session ended: reset, or done. Done means that each end has all of the other's bytes; towards a peer in the
 * Rust way, that this end has all of the peer's, and that its own are sent.
 */
export type Outcome = { readonly kind: 'done' } | { readonly kind: 'reset'; readonly error: SessionError };

/** What an end still has to say of its session's end, at once or when it is asked. */
export class Ending {
  /** How the session ended; `undefined` while it has not. */
  outcome: Outcome | undefined;
  readonly #state: SessionState;
  readonly #frames: FramesDialect;
  readonly #lastWords: OutgoingMessage[] = [];

  constructor(state: SessionState, frames: FramesDialect) {
    this.#state = state;
    this.#frames = frames;
  }

  /** Whether the session has ended and the peer need not be told any more; an acceptor leaves that to its epitaph. */
  get parted(): boolean {
    if (this.outcome === undefined) return false;
    if (!this.#state.isOpener || this.#frames.leaveAnswered) return true;
    return this.outcome.kind === 'reset'
      ? this.outcome.error.by === 'peer'
      : this.#state.dialect !== 'frames';
  }

  /** What to tell a peer that asks after the end; `undefined` for one that need not be told. */
  get epitaph(): readonly Frame[] | undefined {
    if (this.outcome === undefined || this.#state.dialect !== 'frames') return undefined;
    const { incoming, outgoing, now } = this.#state;
    if (this.outcome.kind === 'done') {
      return this.#frames.signed(
        { type: 'ack', ...incoming.acknowledge(now) },
        { type: 'fin', offset: outgoing.sent },
      );
    }
    const { by, code } = this.outcome.error;
    if (by === 'peer') return undefined;
    return this.#frames.signed({ type: 'reset', code: code === 'lost' ? 'gone' : code });
  }

  /** The next message that tells of the end; `undefined` if there is none. */
  nextWords(): OutgoingMessage | undefined {
    return this.#lastWords.shift();
  }

  /** After the end, a peer that did not hear of it is told, and one that did says so. An acceptor has its epitaph. */
  receiveLate(message: SessionMessage): void {
    const { epitaph } = this;
    if (message.kind !== 'frames' || epitaph === undefined || !this.#state.isOpener) return;
    const frames = decodeFrames(message.body);
    for (const frame of frames) if (frame.type === 'pong') this.#frames.receivePong(frame.value);
    if (frames.some(({ type }) => type === 'data' || type === 'fin' || type === 'ping')) {
      this.#lastWords.push(this.#state.packer.packLast('frames', encodeFrames(epitaph)));
    }
  }

  /** An unknown peer is told both ways: ours resets, a Rust server skips the frame and closes. */
  tellReset(code: ResetCode): void {
    const { isOpener, firstAnswer, packer, envelope, outgoing, replies } = this.#state;
    if (isOpener && firstAnswer.askedAt === undefined) return;
    if (this.#state.dialect !== 'plain') {
      const words = encodeFrames(this.#frames.signed({ type: 'reset', code }));
      this.#lastWords.push(packer.packLast('frames', words));
      replies?.spent(1);
    }
    const finSent = outgoing.finSentAt !== undefined;
    if (this.#state.dialect !== 'frames' && envelope.hasClose && !finSent)
      this.#lastWords.push(packer.packLast('close', EMPTY));
  }
}

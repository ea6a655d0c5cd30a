import { sha256 } from '@noble/hashes/sha2.js';

import { SessionError, type MixnetStream, type StreamMessages } from '../../browser/index.js';
import { hex } from '../bytes-text.js';
import { IncomingFile } from './incoming-file.js';
import { decodeWord, encodeWord, MAX_WORD_BYTES, PIECE_BYTES, type Word } from './word.js';

/** How a file gets on, whichever way it goes. */
export interface FileEvents {
  /** Bytes so far. */
  progress(bytes: number): void;
  /** All of it has arrived; both ends' hashes, and the file at the end that receives it. */
  arrived(hashes: { readonly sent: string; readonly received: string }, content: Blob | undefined): void;
  /** Not all of it arrives: one of the two has stopped it, or the conversation was over before. */
  stopped(by: 'us' | 'peer' | 'end'): void;
}

/** What a tab hears of its conversation. */
export interface TalkEvents {
  /** The other side is there. */
  heard(): void;
  text(text: string): void;
  /** A file begins to come. */
  file(name: string, size: number): FileEvents;
  /** The other side says no more. */
  ended(): void;
  /** Nothing more comes or goes. */
  closed(error: unknown): void;
}

interface SentFile {
  readonly sha256: string;
  readonly events: FileEvents;
}

/** A conversation of two tabs over one stream, the same at both ends. */
export class Talk {
  readonly #stream: MixnetStream;
  readonly #messages: StreamMessages;
  readonly #events: TalkEvents;
  /** Files that the other side has yet to confirm, in their order. */
  readonly #sent: SentFile[] = [];
  #incoming: { readonly file: IncomingFile; readonly events: FileEvents } | undefined;
  #outgoing: Promise<void> = Promise.resolve();

  constructor(stream: MixnetStream, events: TalkEvents) {
    this.#stream = stream;
    this.#messages = stream.messages({ maxBytes: MAX_WORD_BYTES });
    this.#events = events;
    stream.closed.then(
      () => this.#close(undefined),
      (error: unknown) => this.#close(error),
    );
    void this.#listen();
    // What goes wrong shows when the stream is closed; the same below.
    this.#send({ kind: 'hello' }).catch(() => undefined);
  }

  say(text: string): void {
    this.#send({ kind: 'text', text }).catch(() => undefined);
  }

  /** Sends a file behind those that are being sent. */
  sendFile(file: Blob & { readonly name: string }, events: FileEvents, signal: AbortSignal): void {
    this.#outgoing = this.#outgoing
      .then(() => (signal.aborted ? events.stopped('us') : this.#sendFile(file, events, signal)))
      .catch(() => events.stopped('end'));
  }

  /** Says that no more follows, behind what was sent; the other side may still speak. */
  end(): void {
    this.#outgoing = this.#outgoing.then(() => this.#messages.end()).catch(() => undefined);
  }

  /** Gives it up, both ways. */
  drop(): void {
    this.#stream.reset();
  }

  async #sendFile(
    file: Blob & { readonly name: string },
    events: FileEvents,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#send({ kind: 'file', name: file.name, size: file.size });
    const hasher = sha256.create();
    for (let at = 0; at < file.size; at += PIECE_BYTES) {
      // A file that cannot be read any more has changed or is gone.
      const content = await piece(file, at).catch(() => undefined);
      if (signal.aborted || content === undefined) {
        await this.#send({ kind: 'stop' });
        events.stopped('us');
        return;
      }
      hasher.update(content);
      await this.#send({ kind: 'piece', content });
      events.progress(at + content.length);
    }
    const hash = hex(hasher.digest());
    this.#sent.push({ sha256: hash, events });
    await this.#send({ kind: 'hash', sha256: hash });
  }

  async #listen(): Promise<void> {
    try {
      for await (const message of this.#messages) this.#hear(decodeWord(message));
      this.#events.ended();
    } catch (error) {
      this.#stream.reset(error);
    }
  }

  #hear(word: Word | undefined): void {
    switch (word?.kind) {
      case 'hello':
        this.#events.heard();
        return;
      case 'text':
        this.#events.text(word.text);
        return;
      case 'file':
        this.#incoming = {
          file: new IncomingFile(word.name, word.size),
          events: this.#events.file(word.name, word.size),
        };
        return;
      case 'arrived': {
        const sent = this.#sent.shift();
        sent?.events.arrived({ sent: sent.sha256, received: word.sha256 }, undefined);
        return;
      }
      case 'piece':
        if (this.#incoming?.file.add(word.content) !== true) throw notUnderstood();
        this.#incoming.events.progress(this.#incoming.file.received);
        return;
      case 'hash':
      case 'stop':
        this.#endFile(word);
        return;
      case undefined:
        throw notUnderstood();
    }
  }

  #endFile(word: Extract<Word, { kind: 'hash' | 'stop' }>): void {
    if (!this.#incoming) throw notUnderstood();
    const { file, events } = this.#incoming;
    this.#incoming = undefined;
    if (word.kind === 'stop') {
      events.stopped('peer');
      return;
    }
    const { content, sha256: received } = file.finish();
    this.#send({ kind: 'arrived', sha256: received }).catch(() => undefined);
    events.arrived({ sent: word.sha256, received }, content);
  }

  #close(error: unknown): void {
    for (const { events } of this.#sent.splice(0)) events.stopped('end');
    this.#incoming?.events.stopped('end');
    this.#incoming = undefined;
    this.#events.closed(error);
  }

  #send(word: Word): Promise<void> {
    return this.#messages.send(encodeWord(word));
  }
}

async function piece(file: Blob, at: number): Promise<Uint8Array> {
  return new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer());
}

function notUnderstood(): SessionError {
  return new SessionError('protocol', 'us', 'the other side says what this page does not understand');
}

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** No length of a message or window divides it, so that a stretch sent twice or left out shows at once. */
const POOL = randomBytes(1_048_573);

/** What is written at a time. */
const CHUNK = 32 * 1024;

/** A stream of bytes in which every one is known by its offset, and which shares no stretch with another. */
export class Pattern {
  readonly length: number;
  readonly #start: number;

  constructor(length: number, start = Math.floor(Math.random() * POOL.length)) {
    this.length = length;
    this.#start = start;
  }

  /** The bytes from `offset` on, as many as come in one piece. */
  from(offset: number, length: number): Buffer {
    const at = (this.#start + offset) % POOL.length;
    return POOL.subarray(at, Math.min(at + Math.min(length, this.length - offset), POOL.length));
  }

  /** Whether `bytes` are those from `offset` on. */
  matches(offset: number, bytes: Buffer): boolean {
    for (let at = 0; at < bytes.length;) {
      const piece = this.from(offset + at, bytes.length - at);
      if (piece.length === 0 || Buffer.compare(piece, bytes.subarray(at, at + piece.length)) !== 0)
        return false;
      at += piece.length;
    }
    return true;
  }
}

/**
 * Writes a pattern as fast as the socket takes it, save for a silence of `idleMs` in the middle, and half-closes. Settles
 * early if the socket closes.
 */
export async function sendPattern(
  socket: Socket,
  pattern: Pattern,
  chunk = CHUNK,
  idleMs = 0,
): Promise<void> {
  const closed = new AbortController();
  socket.once('close', () => closed.abort());
  const middle = Math.ceil(pattern.length / 2);
  for (let sent = 0; sent < pattern.length && !socket.destroyed;) {
    const piece = pattern.from(sent, sent < middle ? Math.min(chunk, middle - sent) : chunk);
    sent += piece.length;
    if (sent === middle && idleMs > 0)
      await pause(idleMs, undefined, { signal: closed.signal }).catch(() => undefined);
    if (!socket.write(piece)) await once(socket, 'drain', { signal: closed.signal }).catch(() => undefined);
  }
  if (!socket.destroyed) socket.end();
}

/** How a stream ended: with all its bytes, before them but in peace, or with a reset. */
export type Ending = 'whole' | 'cut' | 'reset';

/**
 * Reads a pattern from a socket, looks at every byte, and at the time between them. The socket must have been made with
 * {@link CHUNK_BY_CHUNK}, lest a reset is taken for an end.
 */
export class PatternReader {
  /** Bytes so far. */
  received = 0;
  /** The longest time without any byte, from the reader's start until its end. */
  longestPauseMs = 0;
  /** Rejects at a wrong byte. */
  readonly ended: Promise<Ending>;
  readonly #pattern: Pattern;
  readonly #milestones = new Set<{ readonly bytes: number; readonly reached: () => void }>();
  #lastAt = performance.now();
  #paused = false;
  #scheduled: NodeJS.Immediate | undefined;
  #readSoon: () => void = () => undefined;

  constructor(socket: Socket, pattern: Pattern) {
    this.#pattern = pattern;
    this.ended = new Promise((resolve, reject) => {
      const read = () => {
        this.#scheduled = undefined;
        const bytes = this.#paused ? null : (socket.read() as Buffer | null);
        if (bytes === null) return;
        if (!pattern.matches(this.received, bytes)) {
          reject(new Error(`wrong bytes, somewhere from offset ${this.received} on`));
          socket.destroy();
        }
        this.#note(bytes.length);
      };
      this.#readSoon = () => void (this.#scheduled ??= setImmediate(read));
      socket.on('readable', this.#readSoon);
      // What the socket holds already, it does not tell of again.
      this.#readSoon();
      // A socket closes when its other direction is done too, which nobody waits for here.
      let over = false;
      const end = (ending: Ending) => {
        if (over) return;
        over = true;
        this.#note(0);
        resolve(ending);
      };
      socket.on('end', () => end(this.received === pattern.length ? 'whole' : 'cut'));
      socket.on('error', () => end('reset'));
      socket.on('close', () => end('reset'));
    });
    // Whoever waits for it hears of it.
    this.ended.catch(() => undefined);
  }

  /** Reads nothing until {@link resume}. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#readSoon();
  }

  /** Settles once so many bytes are there, or the stream has ended. */
  async until(bytes: number): Promise<void> {
    if (this.received >= bytes) return;
    const milestone = new Promise<void>((reached) => void this.#milestones.add({ bytes, reached }));
    await Promise.race([milestone, this.ended]);
  }

  #note(bytes: number): void {
    const now = performance.now();
    this.received += bytes;
    this.longestPauseMs = Math.max(this.longestPauseMs, now - this.#lastAt);
    this.#lastAt = now;
    for (const milestone of this.#milestones) {
      if (milestone.bytes > this.received) continue;
      this.#milestones.delete(milestone);
      milestone.reached();
    }
  }

  /** Whether all bytes are there. */
  get complete(): boolean {
    return this.received === this.#pattern.length;
  }
}

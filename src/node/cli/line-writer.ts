import { close, closeSync, constants, fstatSync, openSync, write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** What waits for a reader that has stalled; further lines are lost. */
const MAX_WAITING_CHARS = 1024 * 1024;

/** How often a terminal that takes nothing is tried again. */
const RETRY_MS = 100;

const STDERR = 2;

/** Where lines go, one text after the other. */
export interface Sink {
  /** Settles when the text is written. */
  write(text: string): Promise<void>;
  /** Opens the file anew, if it is one: somebody has moved it. */
  reopen?(): void;
}

/**
 * Writes lines without anybody waiting for it. When the reader stalls, a bounded number of them waits, and the rest is
 * lost and counted.
 */
export class LineWriter {
  readonly #sink: Sink;
  readonly #describeLoss: (count: number) => string;
  #waiting: string[] = [];
  #waitingChars = 0;
  #lost = 0;
  #writing: Promise<void> | undefined;

  /** @param describeLoss the line that tells how many were lost. */
  constructor(sink: Sink, describeLoss: (count: number) => string) {
    this.#sink = sink;
    this.#describeLoss = describeLoss;
  }

  /** Takes a line, its end included. Never throws. */
  write(line: string): void {
    if (this.#waitingChars + line.length > MAX_WAITING_CHARS) {
      this.#lost += 1;
      return;
    }
    this.#waiting.push(line);
    this.#waitingChars += line.length;
    this.#writing ??= this.#writeWaiting().finally(() => (this.#writing = undefined));
  }

  /** Opens the file anew, if it is one. */
  reopen(): void {
    this.#sink.reopen?.();
  }

  /** Waits until everything is written, at most so long; gives whether it is. */
  async flush(limitMs: number): Promise<boolean> {
    const inTime = new AbortController();
    const late = sleep(limitMs, false, { signal: inTime.signal, ref: true }).catch(() => false);
    const written = Promise.resolve(this.#writing).then(() => true);
    const done = await Promise.race([written, late]);
    inTime.abort();
    return done;
  }

  /** Begins at once, so that a line of a process that dies is with the system already. Never rejects. */
  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      if (this.#lost > 0) lines.push(this.#describeLoss(this.#lost));
      this.#lost = 0;
      try {
        await this.#sink.write(lines.join(''));
      } catch {
        // The disk is full, or nobody reads any more. There is nobody to tell.
        this.#lost += lines.length;
      }
      this.#waitingChars = this.#waiting.reduce((sum, line) => sum + line.length, 0);
    }
  }
}

/**
 * The standard error stream. Node writes to pipes without waiting, but not to terminals and files; a terminal that is
 * stopped (Ctrl-S) would stop the process.
 */
export function stderrSink(): Sink {
  const stats = fstatSync(STDERR);
  if (stats.isFile()) return new DescriptorSink(STDERR);
  if (process.stderr.isTTY) {
    // Through a descriptor of our own, so that the shell's does not change.
    const terminal = openTerminal();
    if (terminal !== undefined) return new DescriptorSink(terminal);
  }
  const { stderr } = process;
  let isBroken = false;
  stderr.on('error', () => (isBroken = true));
  return {
    write: (text) =>
      new Promise((resolve, reject) => {
        if (isBroken) reject(new Error('nobody reads the standard error stream'));
        else stderr.write(text, (error) => (error ? reject(error) : resolve()));
      }),
  };
}

/** Elsewhere than on Linux there is no such way. */
function openTerminal(): number | undefined {
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync(`/proc/self/fd/${STDERR}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
}

/**
 * A file of the operator's, which is appended to.
 *
 * @throws the operating system's error if it cannot be opened.
 */
export function fileSink(path: string): Sink {
  return new DescriptorSink(openLogFile(path), path);
}

function openLogFile(path: string): number {
  return openSync(path, 'a', 0o600);
}

class DescriptorSink implements Sink {
  #descriptor: number;
  readonly #path: string | undefined;
  #isWriting = false;
  /** Descriptors that are to be closed after the write under way. */
  readonly #outdated: number[] = [];

  constructor(descriptor: number, path?: string) {
    this.#descriptor = descriptor;
    this.#path = path;
  }

  async write(text: string): Promise<void> {
    this.#isWriting = true;
    try {
      const descriptor = this.#descriptor;
      for (let bytes = Buffer.from(text); bytes.length > 0;)
        bytes = bytes.subarray(await writeSome(descriptor, bytes));
    } finally {
      this.#isWriting = false;
      for (const descriptor of this.#outdated.splice(0)) close(descriptor);
    }
  }

  /** @throws the operating system's error if it cannot be opened; the file that is open stays in use. */
  reopen(): void {
    if (this.#path === undefined) return;
    const descriptor = openLogFile(this.#path);
    if (this.#isWriting) this.#outdated.push(this.#descriptor);
    else closeSync(this.#descriptor);
    this.#descriptor = descriptor;
  }
}

const writeBytes = promisify(write);

async function writeSome(descriptor: number, bytes: Buffer): Promise<number> {
  try {
    const { bytesWritten } = await writeBytes(descriptor, bytes);
    return bytesWritten;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    await sleep(RETRY_MS);
    return 0;
  }
}

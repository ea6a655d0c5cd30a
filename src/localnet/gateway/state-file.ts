/**
 * Keeps what a gateway remembers in a file.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../atomic-file.js';
import { LocalnetError } from '../errors.js';
import { StateFormatError } from '../state-fields.js';
import type { InboxLimits } from './inbox.js';
import { GatewayMemory } from './memory.js';
import { formatState, parseState } from './state-format.js';

/** Client keys are secret. */
const FILE_MODE = 0o600;
/** A full inbox takes its time to write, so at most a twentieth of all time is spent on it. */
const REST_FACTOR = 20;

/** Writes the memory of one gateway: soon after a change, at once when asked, one write at a time. */
export class StateFile {
  readonly #path: string;
  readonly #content: () => string;
  readonly #delayMs: number;
  #timer: NodeJS.Timeout | undefined;
  #unsaved = false;
  #lastWriteMs = 0;
  #writing: Promise<void> = Promise.resolve();
  /** The write that will begin when the current one ends. */
  #next: Promise<void> | undefined;

  constructor(path: string, gateway: Uint8Array, memory: GatewayMemory, delayMs: number) {
    this.#path = path;
    this.#content = () => formatState(gateway, memory);
    this.#delayMs = delayMs;
  }

  /** Notes a change, to be written after the delay. A failure is noticed by the next {@link save}. */
  changed(): void {
    this.#unsaved = true;
    this.#timer ??= setTimeout(
      () => {
        this.save().catch(() => undefined);
      },
      Math.max(this.#delayMs, this.#lastWriteMs * REST_FACTOR),
    );
  }

  /**
   * Settles once everything noted so far is in the file.
   *
   * @throws {LocalnetError} `state-unusable` if it cannot be written; the next call tries again
   */
  save(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#unsaved) return this.#writing;
    this.#next ??= this.#writing
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        this.#writing = this.#write();
        return this.#writing;
      });
    return this.#next;
  }

  async #write(): Promise<void> {
    this.#unsaved = false;
    const startedAt = performance.now();
    try {
      await writeFileAtomic(this.#path, this.#content(), FILE_MODE);
    } catch (error) {
      this.#unsaved = true;
      throw unusable(this.#path, 'written', error);
    } finally {
      this.#lastWriteMs = performance.now() - startedAt;
    }
  }
}

/**
 * What the file at `path` says; an empty memory if there is none.
 *
 * @throws {LocalnetError} `state-corrupt` or `state-unusable`, naming the file
 */
export async function readState(
  path: string,
  gateway: Uint8Array,
  limits: InboxLimits,
): Promise<GatewayMemory> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new GatewayMemory();
    throw unusable(path, 'read', error);
  }
  try {
    return parseState(text, gateway, limits);
  } catch (error) {
    if (!(error instanceof StateFormatError)) throw error;
    throw new LocalnetError(
      'state-corrupt',
      `${path} is not the state of this gateway (${error.message}). Restore it, or move it away: ` +
        'then the gateway starts empty and its clients have to register again.',
      { cause: error },
    );
  }
}

function unusable(path: string, verb: string, cause: unknown): LocalnetError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LocalnetError('state-unusable', `${path} cannot be ${verb}: ${reason}`, { cause });
}

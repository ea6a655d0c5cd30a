import assert from 'node:assert/strict';
import type { Socket } from 'node:net';

import { Pattern, PatternReader, sendPattern, type Ending } from '../support/pattern.js';
import type { FaultCase } from './cases.js';
import type { ClientMode, FaultWorld } from './world.js';

/** What became of a transfer. All times in ms. */
export interface TransferReport {
  readonly tookMs: number;
  /** The longest time for which either reader had to wait. */
  readonly longestPauseMs: number;
  /** From the fault until the application saw the reset; of a connection that was reset. */
  readonly resetAfterMs: number | undefined;
  /** How long a small connection takes afterwards. */
  readonly nextMs: number;
}

/** One connection, with both ends looking at what comes. */
class Transfer {
  readonly socket: Socket;
  readonly downloading: PatternReader;
  /** At the upstream: more than one if a restarted server came again with the same first bytes. */
  readonly #uploading: PatternReader[] = [];
  readonly #accepted: Promise<PatternReader>;
  readonly #forget: () => void;

  private constructor(world: FaultWorld, socket: Socket, bytes: number) {
    const [up, down] = [new Pattern(bytes), new Pattern(bytes)];
    this.socket = socket;
    let accept: (reader: PatternReader) => void;
    this.#accepted = new Promise((resolve) => (accept = resolve));
    const ticket = world.upstream.ticket((accepted) => {
      const reader = new PatternReader(accepted, up);
      this.#uploading.push(reader);
      void sendPattern(accepted, down);
      accept(reader);
    });
    this.#forget = ticket.forget;
    this.downloading = new PatternReader(socket, down);
    socket.write(ticket.bytes);
    void sendPattern(socket, up);
  }

  static async start(world: FaultWorld, mode: ClientMode, bytes: number): Promise<Transfer> {
    return new Transfer(world, await world.connect(mode), bytes);
  }

  get longestPauseMs(): number {
    return Math.max(
      this.downloading.longestPauseMs,
      ...this.#uploading.map((reader) => reader.longestPauseMs),
    );
  }

  get incomplete(): boolean {
    return !this.downloading.complete && this.#uploading.every(({ complete }) => !complete);
  }

  /** Settles when so many bytes have gone either way. */
  async until(bytes: number): Promise<void> {
    const uploading = await Promise.race([this.#accepted, this.downloading.ended]);
    assert.ok(typeof uploading === 'object', 'the connection ended before it reached the upstream');
    await Promise.all([uploading.until(bytes), this.downloading.until(bytes)]);
  }

  /** How the download ended, and then the uploads; rejects if any had a wrong byte. */
  async ended(): Promise<{ readonly download: Ending; readonly uploads: readonly Ending[] }> {
    const download = await this.downloading.ended;
    const uploads = await Promise.all(this.#uploading.map(({ ended }) => ended));
    this.#forget();
    return { download, uploads };
  }
}

/** A sixteenth must have gone each way before a fault; a download may be nine times as quick as the upload beside it. */
const SHARE_BEFORE = 16;

/** What the next connection carries each way. */
const SMALL_BYTES = 10_000;

/**
 * Carries `bytes` each way over one connection, inflicts the fault in the middle, checks what comes of it, and that
 * the next connection is as if nothing had happened.
 *
 * @throws {AssertionError} if anything else comes of it, a wrong byte above all.
 */
export async function transferUnder(
  world: FaultWorld,
  fault: FaultCase,
  bytes: number,
): Promise<TransferReport> {
  await fault.prepare?.(world);
  const watching = new AbortController();
  try {
    const resetWith = world.nextReset(watching.signal);
    const startedAt = performance.now();
    const transfer = await Transfer.start(world, fault.clients, bytes);
    await transfer.until(bytes / SHARE_BEFORE);
    const faultAt = performance.now();
    const { ended } = transfer.downloading;
    const inflicted = fault.inflict?.(world, ended);
    if (inflicted) assert.ok(transfer.incomplete, 'the transfer was over before the fault');
    const endedAt = ended.then(() => performance.now());
    await inflicted;
    await ended;
    if (fault.outcome === 'exact') {
      assert.deepEqual(await transfer.ended(), { download: 'whole', uploads: ['whole'] });
    } else {
      const { download, uploads } = await transfer.ended();
      assert.equal(download, 'reset');
      assert.ok(uploads.every((upload) => upload !== 'whole'));
      assert.equal(await resetWith, fault.outcome);
    }
    const tookMs = (await endedAt) - startedAt;
    const resetAfterMs = fault.outcome === 'exact' ? undefined : (await endedAt) - faultAt;
    await fault.mend?.(world);
    const nextMs = await smallTransfer(world, fault.clients);
    return { tookMs, longestPauseMs: transfer.longestPauseMs, resetAfterMs, nextMs };
  } finally {
    watching.abort();
  }
}

async function smallTransfer(world: FaultWorld, mode: ClientMode): Promise<number> {
  const startedAt = performance.now();
  const transfer = await Transfer.start(world, mode, SMALL_BYTES);
  await transfer.until(SMALL_BYTES);
  assert.deepEqual(await transfer.ended(), { download: 'whole', uploads: ['whole'] });
  return performance.now() - startedAt;
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';

/** A thread whose event loop does not turn for so long is starved. */
const STARVED_MS = 2000;

const WORLDS = 2000;

const BATCH = 500;

/** Plays the worlds of so many seeds; rejects if one fails, or starves its thread. */
function play(first: number, count: number): Promise<void> {
  const worker = new Worker(new URL('./drawn-sessions-worker.js', import.meta.url), {
    workerData: { first, count },
  });
  return new Promise<void>((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    worker.on('message', (message: string) => {
      clearTimeout(timer);
      if (message === 'done') resolve();
      else timer = setTimeout(() => reject(new Error('the event loop is starved')), STARVED_MS);
    });
    worker.on('error', reject);
  }).finally(() => worker.terminate());
}

describe('sessions, streams and promises in drawn worlds', { timeout: 120_000 }, () => {
  for (let first = 0; first < WORLDS; first += BATCH)
    it(`end well from seed ${first} on`, () => assert.doesNotReject(play(first, BATCH)));
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';

import fc from 'fast-check';

import { HeapTimeouts, type Timeouts } from '../../src/mixnet/client-timers.js';
import { compileNymWasm } from '../../wasm/node.js';
import { Agenda } from '../support/agenda.js';
import { limit, withLocalnet } from './localnet-clients.js';
import type { TimersReport, TimersWorkerData } from './timers-worker.js';

/** References to its heap with which wasmtimer gives up; each waiting timeout has one, and the running one has two. */
const MOST_REFERENCES = 20;

interface Sleep {
  readonly at: number;
  readonly wake: () => void;
}

/** The heap of wasmtimer 0.4.2: `Sleep::reset` of `tokio/sleep.rs` and `schedule_callback` of `timer/global.rs`. */
class SleepHeap {
  readonly #timeouts: Timeouts<number>;
  readonly #now: () => number;
  readonly #woken: Sleep[] = [];
  #sleeps: Sleep[] = [];
  #waiting = 0;
  #asked = true;
  /** By how much the latest came too late, in ms. */
  lateness = 0;

  constructor(timeouts: Timeouts<number>, now: () => number) {
    this.#timeouts = timeouts;
    this.#now = now;
    this.#ask(0);
  }

  sleep(ms: number, wake: () => void): void {
    this.#sleeps.push({ at: this.#now() + ms, wake });
    if (this.#asked) return;
    this.#asked = true;
    this.#ask(0);
  }

  /** The tasks that were woken; they run after the callback, as microtasks. */
  runTasks(): void {
    for (const { at, wake } of this.#woken.splice(0)) {
      this.lateness = Math.max(this.lateness, this.#now() - at);
      wake();
    }
  }

  #ask(ms: number): void {
    this.#waiting += 1;
    this.#timeouts.set(() => {
      this.#waiting -= 1;
      this.#asked = false;
      const now = this.#now();
      this.#woken.push(...this.#sleeps.filter(({ at }) => at <= now));
      this.#sleeps = this.#sleeps.filter(({ at }) => at > now);
      if (this.#waiting + 2 > MOST_REFERENCES || this.#sleeps.length === 0) return;
      this.#ask(Math.min(...this.#sleeps.map(({ at }) => at)) - now);
    }, ms);
  }
}

/** Lets tasks sleep, each for one of its times after the other; by how much the latest came too late, in ms. */
function latenessOf(
  tasks: readonly (readonly number[])[],
  over: (timeouts: Timeouts<number>) => Timeouts<number> = (timeouts) => timeouts,
): number {
  let now = 0;
  let handles = 0;
  const agenda = new Agenda();
  const cleared = new Set<number>();
  const timeouts: Timeouts<number> = {
    set(callback, ms) {
      const handle = (handles += 1);
      // A timeout takes a millisecond at least.
      agenda.add(now + Math.max(1, ms), () => {
        if (cleared.has(handle)) return;
        callback();
        heap.runTasks();
      });
      return handle;
    },
    clear: (handle) => void cleared.add(handle),
  };
  const heap = new SleepHeap(over(timeouts), () => now);
  for (const times of tasks) {
    const left = [...times];
    const next = () => {
      const ms = left.shift();
      if (ms !== undefined) heap.sleep(ms, next);
    };
    next();
  }
  while (agenda.next < Infinity) {
    now = agenda.next;
    agenda.run(now);
  }
  return heap.lateness;
}

const prompt = (timeouts: Timeouts<number>) => new HeapTimeouts(timeouts);

/** A stream of packets beside two sleeps that are far away. */
const STREAM: readonly (readonly number[])[] = [Array<number>(200).fill(20), [5000], [9000]];

describe('the timers of the official client', () => {
  it('come in time, though without help they do not', () => {
    assert.ok(latenessOf(STREAM) > 100);
    assert.ok(latenessOf(STREAM, prompt) <= 2);
  });

  it('come in time whatever sleeps there are', () => {
    const times = fc.array(fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 5000 })), {
      maxLength: 100,
    });
    fc.assert(
      fc.property(fc.array(times, { maxLength: 10 }), (tasks) => {
        assert.ok(latenessOf(tasks, prompt) <= 2);
      }),
    );
  });

  it('can be cleared, and are then not called in the place of another', () => {
    const callbacks = new Map<number, () => void>();
    const heap = new HeapTimeouts<number>({
      set: (callback, ms) => (callbacks.set(ms, callback), ms),
      clear: (handle) => void callbacks.delete(handle),
    });
    const called: number[] = [];
    for (const ms of [1, 2, 3]) heap.set(() => called.push(ms), ms);
    heap.clear(2);
    callbacks.get(1)?.();
    assert.deepEqual(called, [1, 3]);
    assert.equal(heap.waiting, 0);
    assert.equal(callbacks.size, 0);
  });
});

describe('the timers of a started official client', limit, () => {
  const localnet = withLocalnet();

  it('are those of its heap, and only they', async () => {
    const workerData: TimersWorkerData = { module: await compileNymWasm(), apiUrl: localnet.net.apiUrl };
    const worker = new Worker(new URL('timers-worker.js', import.meta.url), { workerData });
    try {
      const [report] = (await once(worker, 'message')) as [TimersReport];
      assert.ok(report.waiting > 0);
      assert.deepEqual(report.others, []);
    } finally {
      await worker.terminate();
    }
  });
});

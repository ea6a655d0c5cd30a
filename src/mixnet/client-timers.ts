/** How to be called later, as `setTimeout` and `clearTimeout` do it. */
export interface Timeouts<Handle> {
  readonly set: (callback: () => void, ms: number) => Handle;
  readonly clear: (handle: Handle) => void;
}

/**
 * The timeouts of the official client, such that what it waits for happens in time.
 *
 * It keeps all it waits for in one heap (wasmtimer 0.4.2, `timer/global.rs`). For each change of the heap it asks for a
 * timeout, and each callback does the same: it wakes what is due and asks for a timeout until the next is. But one that
 * finds about twenty others waiting asks for none, though all of those may wait for something later: then nothing
 * happens until the heap changes again, for a second and more, and what should have left meanwhile leaves at once. In
 * the stream of packets that is one in a hundred slots, and half the time of a round trip.
 *
 * So a callback that asks for no timeout is followed by one of those that wait, which asks in its place.
 */
export class HeapTimeouts<Handle> implements Timeouts<Handle> {
  readonly #timeouts: Timeouts<Handle>;
  readonly #waiting = new Map<Handle, () => void>();
  #asked = 0;

  constructor(timeouts: Timeouts<Handle>) {
    this.#timeouts = timeouts;
  }

  /** How many timeouts wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  readonly set = (callback: () => void, ms: number): Handle => {
    const handle = this.#timeouts.set(() => this.#run(handle), ms);
    this.#waiting.set(handle, callback);
    this.#asked += 1;
    return handle;
  };

  readonly clear = (handle: Handle): void => {
    this.#waiting.delete(handle);
    this.#timeouts.clear(handle);
  };

  #run(due: Handle): void {
    let next: Handle | undefined = due;
    while (next !== undefined) {
      const callback = this.#waiting.get(next);
      this.clear(next);
      const asked = this.#asked;
      callback?.();
      // With nothing left in the heap nobody asks any more, and nobody need wait.
      next = this.#asked > asked ? undefined : this.#waiting.keys().next().value;
    }
  }
}

/**
 * Puts {@link HeapTimeouts} under the official client's heap in this thread or worker; all else that uses `setTimeout`
 * gets what it had. To be called before the client is loaded.
 */
export function keepTimersPrompt(): HeapTimeouts<ReturnType<typeof globalThis.setTimeout>> {
  const { setTimeout, clearTimeout } = globalThis;
  const heap = new HeapTimeouts({
    set: (callback, ms) => setTimeout(callback, ms),
    clear: (handle) => clearTimeout(handle),
  });
  Object.assign(globalThis, {
    setTimeout(this: unknown, callback: () => void, ms: number, ...given: unknown[]) {
      return this === globalThis && isRustClosure(callback)
        ? heap.set(callback, ms)
        : setTimeout(callback, ms, ...given);
    },
    clearTimeout: heap.clear,
  });
  return heap;
}

/**
 * wasm-bindgen keeps the state of a closure of Rust's under this name. Its others come by the bare `setTimeout`, that
 * of the heap alone as a method of the global object (`js.rs` of wasmtimer).
 */
function isRustClosure(callback: () => void): boolean {
  return 'original' in callback;
}

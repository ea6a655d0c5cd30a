import { MAX_TIMER_MS } from '../basics/options-check.js';

/** Time, as sessions see it. Tests give another one. */
export interface Clock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Calls back once, after so many ms. Returns what cancels the call. */
  after(ms: number, callback: () => void): () => void;
  /**
   * Calls back once, when the tasks that wait now have run. No timer: those of a hidden page fire once a second, which
   * data must not wait for.
   */
  soon(callback: () => void): void;
}

/** The clock of the machine. */
export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(ms))));
    return () => clearTimeout(timer);
  },
  soon: typeof setImmediate === 'function' ? (callback) => void setImmediate(callback) : viaChannel(),
};

/** Where there is no `setImmediate`, as in browsers: a message to ourselves is a task of its own. */
function viaChannel(): Clock['soon'] {
  if (typeof MessageChannel !== 'function') return (callback) => void setTimeout(callback);
  const { port1, port2 } = new MessageChannel();
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return (callback) => {
    waiting.push(callback);
    port2.postMessage(undefined);
  };
}

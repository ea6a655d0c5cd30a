/** A process that was told to end has ended by then; 5 s after the grace are promised, and ending takes a moment too. */
export const END_LIMIT_MS = 4_500;

/**
 * Signals this close together are one wish: at Ctrl-C the terminal tells the whole process group, and npm passes on to
 * its script what the script has already got.
 */
export const SAME_WISH_MS = 500;

/** What a signal kills a process with, unless the process handles it: 128 + the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

type SignalName = keyof typeof EXIT_CODES;

export interface StopOptions {
  /** Told of the first signal. */
  readonly onStop: (signal: SignalName) => void;
  /** Told when time is up, just before the process is ended. */
  readonly onLate: () => void;
  /** How long {@link drain} may take, in ms; 0 unless given. */
  readonly graceMs?: number;
  /** At SIGTERM: takes nothing new, and settles when what is under way has ended. */
  readonly drain?: () => Promise<void>;
  /** Where signals come from. Default: the process. */
  readonly source?: { on(name: SignalName, listener: (name: SignalName) => void): unknown };
  /** Ends the process. Default: the process's own way. */
  readonly exit?: (code: number) => void;
}

/**
 * Aborts at the first SIGINT, or when everything has drained after the first SIGTERM. From then on the process ends by
 * itself, with code 0, within {@link END_LIMIT_MS}, or is ended; a second signal ends it at once, as if it were not
 * handled.
 */
export function stopSignal(options: StopOptions): AbortSignal {
  const { onStop, onLate, graceMs = 0, drain, source = process } = options;
  const { exit = (code: number) => process.exit(code) } = options;
  const stop = new AbortController();
  let isEnding = false;
  let secondCounts = false;
  const end = () => {
    if (stop.signal.aborted) return;
    setTimeout(() => {
      onLate();
      exit(0);
    }, END_LIMIT_MS).unref();
    stop.abort();
  };
  const onSignal = (name: SignalName) => {
    if (isEnding) {
      if (secondCounts) exit(EXIT_CODES[name]);
      return;
    }
    isEnding = true;
    setTimeout(() => (secondCounts = true), SAME_WISH_MS).unref();
    onStop(name);
    if (name !== 'SIGTERM' || drain === undefined || graceMs === 0) {
      end();
      return;
    }
    setTimeout(end, graceMs).unref();
    void drain().then(end);
  };
  source.on('SIGINT', onSignal);
  source.on('SIGTERM', onSignal);
  return stop.signal;
}

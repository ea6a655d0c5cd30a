/** A time limit on a start, joined with the caller's own signal. */
export interface StartLimit {
  /** Aborts when either does. */
  readonly signal: AbortSignal;
  /** Lifts both; the start is over. */
  readonly lift: () => void;
}

/** @param tooLate what `signal` aborts with when the time is over, or what makes it then. */
export function limitStart(
  timeoutMs: number,
  tooLate: Error | (() => Error),
  outer: AbortSignal | undefined,
): StartLimit {
  const control = new AbortController();
  const timer = setTimeout(
    () => control.abort(typeof tooLate === 'function' ? tooLate() : tooLate),
    timeoutMs,
  );
  const passOn = () => control.abort(outer?.reason);
  outer?.addEventListener('abort', passOn, { once: true });
  if (outer?.aborted) passOn();
  return {
    signal: control.signal,
    lift: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', passOn);
    },
  };
}

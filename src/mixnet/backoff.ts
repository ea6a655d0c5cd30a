/** The longest that the first wait after a failed start can be; it doubles with each further failure. */
export const FIRST_RETRY_MS = 500;

/** The longest wait between two starts that fail. */
export const LAST_RETRY_MS = 30_000;

/**
 * How long to wait, in ms, after `failures` earlier failures and one more. With jitter, so that many clients do not come
 * back to a directory in step.
 */
export function backoffMs(failures: number): number {
  const longest = Math.min(FIRST_RETRY_MS * 2 ** failures, LAST_RETRY_MS);
  return longest * (0.5 + Math.random() / 2);
}

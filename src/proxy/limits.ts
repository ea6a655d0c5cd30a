/** How long closing waits for the last messages to leave. */
export const FLUSH_MS = 2000;

/** How long closing waits for the last messages to leave. */
export const FLUSH_MS = 2000;

/**
 * How long a client lives on after a session that was reset, so that the official client can send the reset again
 * should its packet be lost: twice its waiting time for an acknowledgement (sphinx.md section 8).
 */
export const RESET_LINGER_MS = 4000;

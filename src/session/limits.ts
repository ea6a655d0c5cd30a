/**
 * The sizes and times of the session engine. All sizes in bytes of the connection's data unless said otherwise.
 *
 * @module
 */

/**
 * What either end may send before it has heard a receive window. Part of session protocol version 1: both ends must
 * agree on it. Holds a usual request or page, so small exchanges never wait for a window.
 */
export const INITIAL_WINDOW = 64 * 1024;

/**
 * The receive window grows up to this. A session carries a window per round trip at most: 384 KiB in the second or so
 * that a loaded mixnet takes is four times what default traffic (80 kB/s) needs, and leaves something where lost
 * packets, sent again after 1.6 s, make the round trip several seconds long. Window, send buffer and as much again for
 * what is to be sent anew one day keep a session under 1 MiB.
 */
export const MAX_WINDOW = 384 * 1024;

/** What a peer without windows (the Rust way) may have us hold; a session beyond it is reset. */
export const MAX_PLAIN_BUFFER = 768 * 1024;

/** Bytes the application may hand over ahead of what has been sent. */
export const SEND_BUFFER = 64 * 1024;

/**
 * Regular Sphinx packets in one message at most. Long enough that framing costs nothing (under 1 %), short enough
 * that one message delays others by 8 slots and the official client builds it in 40 ms.
 */
export const MESSAGE_PACKETS = 8;

/** Pieces of data beyond a gap that one session keeps; a peer of good will cannot come near it. */
export const MAX_PENDING_PIECES = 1024;

/** How long an opener with nothing to say waits for first bytes before it opens the session without. */
export const OPEN_DELAY_MS = 10;

/** How long an acknowledgement waits for data to ride with. */
export const ACK_DELAY_MS = 25;

/**
 * How many bytes an opener sends, and for how long, while its peer has not answered and may be ours or a Rust server:
 * no more than our acceptor grants at first, then no more than it can hold, then without limit.
 */
export const PROBE_STAGES: readonly { readonly untilMs: number; readonly bytes: number }[] = [
  { untilMs: 5000, bytes: INITIAL_WINDOW },
  { untilMs: 30_000, bytes: MAX_PLAIN_BUFFER },
];

/**
 * Silence after which a peer that never answered is given up. Our acceptor answers at once; a Rust server stays silent
 * until its upstream speaks, which this has to leave time for.
 */
export const ANSWER_TIMEOUT_MS = 120_000;

/**
 * SURBs in the first message of a session: one for a reply, and one that our own clients keep back to ask for more.
 * They share one packet with up to 623 bytes of data.
 */
export const FIRST_SURBS = 2;

/**
 * Times of silence after which an opener that still expects something attaches a few SURBs more. Lost replies spend
 * SURBs unseen; a peer that has none left, not even to ask for more, cannot say so.
 */
export const SILENCE_TOP_UPS_MS: readonly number[] = [3000, 12_000, 39_000];

/** SURBs attached then. */
export const SILENCE_TOP_UP_SURBS = 3;

/** SURBs that the official client keeps to ask for more with, unless told otherwise (sphinx.md section 9). */
export const RUST_SURB_RESERVE = 10;

/**
 * Pause of a replier per packet in the Rust way, where no window limits what piles up in the official client: the
 * mean slot of default traffic.
 */
export const PLAIN_REPLY_PACKET_MS = 20;

/** How long an end that has sent all its bytes waits, in silence, for the peer to confirm or to finish. */
export const DEFAULT_CLOSE_TIMEOUT_MS = 60_000;

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
 * What an end with extended packets grants at first, instead: 32 of them, what they carry in a round trip of 600 ms, so
 * that the window is not what a bulk transfer waits for before it has grown.
 */
export const INITIAL_BULK_WINDOW = 1024 * 1024;

/**
 * The receive window grows up to this: what extended packets (1.6 MB/s) carry in the second or so that a loaded mixnet
 * takes for a round trip. Window, send buffer and as much again for what is kept until it is acknowledged keep a session
 * under 5 MiB.
 */
export const MAX_WINDOW = 2 * 1024 * 1024;

/**
 * The window doubles while it is read in less time than this, so it is what a session carries in one to two times that;
 * for default traffic (80 kB/s) it comes to 256 KiB, with which a session keeps under 1 MiB. Where packets are lost so
 * often that this is too little, it doubles when it is full in front of a gap.
 */
export const WINDOW_MS = 2000;

/** What a peer without windows (legacy mode) may have us hold; a session beyond it is reset. */
export const MAX_LEGACY_BUFFER = 768 * 1024;

/** Bytes the application may hand over ahead of what has been sent. */
export const SEND_BUFFER = 64 * 1024;

/**
 * The same for a session that is a lane, with regular packets: more than a message, so that it never runs dry, and
 * not much more, so that no lane is given what another one could carry sooner.
 */
export const LANE_SEND_BUFFER = 8 * 1024;

/**
 * Regular Sphinx packets in one message at most. Long enough that framing costs little (about 1 %), short enough that
 * one message delays others by 4 slots and the official client builds it in 20 ms.
 */
export const MESSAGE_PACKETS = 4;

/** Gaps in what one session has received; in legacy mode, messages behind a gap. A well-behaved peer stays far below. */
export const MAX_GAPS = 1024;

/** How long an opener with nothing to say waits for first bytes before it opens the session without. */
export const OPEN_DELAY_MS = 10;

/** How long an acknowledgement that is waited for waits for data to ride with. */
export const ACK_DELAY_MS = 25;

/**
 * How long an acceptor that has one SURB to use waits with the greeting for the answer to what came with the first
 * message: having gone alone, the greeting would leave the answer to wait for more SURBs, a whole round trip. An upstream
 * that takes longer is answered for later by this at most, and only if it takes less than a round trip more.
 */
export const GREETING_HOLD_MS = 100;

/**
 * Pause after the last data that arrived, after which it is acknowledged so that the sender need not keep it. Longer
 * than the gaps in a stream that flows, even one that gets a tenth of what default traffic carries.
 */
export const ACK_PAUSE_MS = 1000;

/**
 * The longest that data goes unacknowledged. At the 5 packets/s that are left to one of ten busy sessions over one
 * client, one acknowledgement in 4 s is 5 % of the packets.
 */
export const ACK_LATEST_MS = 4000;

/** What an opener may send, the bytes of its first message aside, until a time after that. */
export interface AnswerStage {
  readonly untilMs: number;
  /** The offset below which bytes may be sent. */
  readonly bytes: number;
}

/**
 * How many bytes an opener sends, and for how long, while its peer has not answered and may be ours or a Rust server:
 * no more than our acceptor grants at first, then no more than it can hold, then without limit.
 */
export const PROBE_STAGES: readonly AnswerStage[] = [
  { untilMs: 5000, bytes: INITIAL_WINDOW },
  { untilMs: 30_000, bytes: MAX_LEGACY_BUFFER },
];

/**
 * How long the Open of a stream is ahead of what follows it, unless it is answered sooner: a Rust peer drops Data that
 * comes before its application has accepted the stream. Longer than the official client takes to send a lost packet
 * again (1.6 s).
 */
export const OPEN_LEAD_MS = 2000;

/**
 * Silence after which a peer that never answered is given up. Our acceptor answers at once; a Rust server stays silent
 * until its upstream speaks, which this has to leave time for.
 */
export const ANSWER_TIMEOUT_MS = 120_000;

/**
 * Silence after which an opener asks its peer whether it is there. Longer than an acknowledgement waits
 * ({@link ACK_LATEST_MS}), so that a stream that flows, however slowly, is not asked.
 */
export const PROBE_AFTER_MS = 5000;

/**
 * The same for a session on which nothing has been said but this question: two packets a minute and session. An
 * idle client with default traffic sends 3000 packets in that time, among which they are lost.
 */
export const KEEP_ALIVE_MS = 60_000;

/**
 * How long an opener waits for the answer to each of its questions; the last one unanswered, it gives the session up.
 * Two minutes in all: a server whose gateway restarts is back within seconds, one whose machine restarts within a
 * minute or two. With {@link KEEP_ALIVE_MS} before it, a dead peer is found within 3 minutes.
 */
export const PROBE_INTERVALS_MS: readonly number[] = [8000, 12_000, 20_000, 35_000, 45_000];

/** SURBs that a question brings: what an answer needs, one to ask for more with, and one spare; still one packet. */
export const PROBE_SURBS = 3;

/**
 * How long a session waits for another mixnet client when its own is lost. As long as a peer is waited for: starting
 * one takes seconds, and outages that are longer are felt by whoever uses the connection anyway.
 */
export const ROUTE_LIMIT_MS = 120_000;

/**
 * Silence after which an acceptor gives an opener up that would have asked long since. An opener that speaks once a
 * minute may lose its client right before, be without for {@link ROUTE_LIMIT_MS}, and have a minute to get through.
 */
export const ACCEPTOR_SILENCE_MS = 240_000;

/** Silence after which an opener knows that its peer has given it up, whatever has become of its questions. */
export const FORGOTTEN_MS = ACCEPTOR_SILENCE_MS + 60_000;

/**
 * Time without any acknowledgement after which what is missing is sent again. The mixnet client retransmits lost packets
 * by itself, every 1.6 s; what stays missing for several of its rounds was lost with a client. So it is not below
 * {@link RETRANSMIT_FLOOR_MS}, which is longer than an acknowledgement may wait ({@link ACK_LATEST_MS}), and follows the
 * round trip up to {@link RETRANSMIT_CEILING_MS}. Each further try waits twice as long, {@link RETRANSMIT_LONGEST_MS} at
 * most.
 */
export const RETRANSMIT_FLOOR_MS = 5000;
export const RETRANSMIT_CEILING_MS = 10_000;
export const RETRANSMIT_LONGEST_MS = 60_000;

/** Round trips that the first retransmission waits. */
export const RETRANSMIT_ROUND_TRIPS = 4;

/**
 * Retransmissions without any acknowledgement, after which the session is given up: a peer that answers, and still takes
 * nothing for four minutes, is broken. Counted in tries, so that a machine that slept tries again first.
 */
export const RETRANSMIT_TRIES = 6;

/**
 * What is sent again of a stream when nothing is known of what the peer has beyond a gap: four packets at most. Only if
 * they were missing, the rest follows.
 */
export const RETRANSMIT_PROBE_BYTES = 6000;

/**
 * How long an end that is done stays to confirm it to the peer, or one that reset the session to say so: long enough
 * for the official client to repeat a lost packet twice (sphinx.md section 8).
 */
export const LINGER_MS = 4000;

/** How long closing waits for the last messages to leave. */
export const FLUSH_MS = 2000;

/**
 * How long an end that reset a session goes on sending what was written before, without any acknowledgement: two
 * retransmissions.
 */
export const CLOSING_MS = 20_000;

/**
 * How long an end whose peer has reset the session waits for bytes that were sent before, after the last of them. Longer
 * than the peer sends them ({@link CLOSING_MS}), and than a slow reader needs to make room for more.
 */
export const RESET_WAIT_MS = 60_000;

/**
 * SURBs in the first message of a session: one for a reply, and one that our own clients keep back to ask for more.
 * They share one packet with up to 623 bytes of data.
 */
export const FIRST_SURBS = 2;

/** SURBs that an acceptor wants to have left when it has nothing more to say: for what comes next, and to say so. */
export const IDLE_SURBS = 2;

/**
 * SURBs that an acceptor wants for a session that has much to say: what it spends until more can come, which with a
 * slot every 20 ms and round trips of half a second is 25. It wants twice as many whenever they did not suffice.
 */
export const FLOWING_SURBS = 32;

/** SURBs that an acceptor wants from one mixnet client at most; the official client keeps 200 (sphinx.md section 9). */
export const MAX_SURBS_WANTED = 120;

/**
 * How long an acceptor waits for SURBs before it leaves it to the official client to ask for them: about the round trip
 * that this takes.
 */
export const SURB_WAIT_MS = 400;

/**
 * How long a closing acceptor leaves its mixnet client when there are no SURBs for a reset: for the same round trip, under
 * load too. Nobody asks for the reset again.
 */
export const LAST_WORDS_MS = 1000;

/**
 * Times of silence after which an opener that has never been answered attaches a few SURBs more, in legacy mode. Lost
 * replies spend SURBs unseen; a peer that has none left, not even to ask for more, cannot say so.
 */
export const SILENCE_TOP_UPS_MS: readonly number[] = [3000, 12_000, 39_000];

/** SURBs attached then. */
export const SILENCE_TOP_UP_SURBS = 3;

/** SURBs that the official client keeps to ask for more with, unless told otherwise (sphinx.md section 9). */
export const RUST_SURB_RESERVE = 10;

/**
 * Pause of a replier per packet in legacy mode, where no window limits what piles up in the official client: the
 * mean slot of default traffic.
 */
export const LEGACY_REPLY_PACKET_MS = 20;

/**
 * How long an end that has sent all its bytes waits, in silence, for a peer in legacy mode, or one that has not
 * answered yet, to confirm or to finish. Who speaks frames is asked instead ({@link PROBE_INTERVALS_MS}).
 */
export const DEFAULT_CLOSE_TIMEOUT_MS = 60_000;

/** An acceptor that has just answered a PING lets the next wait for the pause of acknowledgements. */
export const PONG_PAUSE_MS = 1000;

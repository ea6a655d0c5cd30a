/** Sockets open at the same time, as many as browsers open to one host. */
export const DEFAULT_MAX_SOCKETS = 6;

/** How long an idle socket is kept; Node's own HTTP server closes idle connections after 5 s. */
export const DEFAULT_IDLE_MS = 4_000;

/** Bytes of a head (status line and header fields), of the trailers, and of a line that starts a chunk. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** Header fields of a response, and as many trailers. */
export const MAX_HEADER_FIELDS = 256;

/** Responses like 100 (Continue) and 103 (Early Hints) before the one that counts. */
export const MAX_INTERIM_RESPONSES = 16;

/** As many as browsers follow. */
export const MAX_REDIRECTS = 20;

/** A request body is written in pieces of at most this many bytes, so that back-pressure holds it. */
export const UPLOAD_PIECE_BYTES = 64 * 1024;

/** A server that has answered in full may still take the rest of the request, unless it stalls for so long. */
export const UPLOAD_STALL_MS = 10_000;

/** Bytes up to which the body of a `Request` object is gathered, to learn its length. */
export const MAX_GATHERED_BYTES = 4 * 1024 * 1024;

/** The body of a `Request` object that pauses for so long is taken for a stream. */
export const GATHER_PAUSE_MS = 100;

/** A decoder is fed in pieces of at most this many bytes; what one inflates to (1,032 times as much) is in memory. */
export const DECODER_PIECE_BYTES = 4 * 1024;

/** Content codings on top of each other that are decoded. */
export const MAX_CODINGS = 4;

/** How long an upstream may take to end a connection after this end has. */
export const END_LIMIT_MS = 5_000;

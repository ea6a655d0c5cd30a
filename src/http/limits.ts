/** Sockets open at the same time, as many as browsers open to one host. */
export const DEFAULT_MAX_SOCKETS = 6;

/** How long an idle socket is kept; Node's own HTTP server closes idle connections after 5 s. */
export const DEFAULT_IDLE_MS = 4_000;

/** Bytes of a response's head and of the interim ones before it together; Chromium takes as many. */
export const MAX_HEAD_BYTES = 256 * 1024;

/** Header fields of a response. */
export const MAX_HEADER_FIELDS = 2048;

/** Bytes of a line that starts a chunk, and of all trailers. */
export const MAX_CHUNK_LINE_BYTES = 64 * 1024;

/** Trailers of a response. */
export const MAX_TRAILER_FIELDS = 256;

/** How long a server may take for its response after the first interim one, such as 102 (Processing). */
export const MAX_INTERIM_MS = 15 * 60_000;

/** As many as browsers follow. */
export const MAX_REDIRECTS = 20;

/** A request body is written in pieces of at most this many bytes, so that back-pressure holds it. */
export const UPLOAD_PIECE_BYTES = 64 * 1024;

/** A server that has answered in full may still take the rest of the request, unless it stalls for so long. */
export const UPLOAD_STALL_MS = 10_000;

/** Content codings on top of each other that are decoded. */
export const MAX_CODINGS = 4;

/** How long an upstream may take to end a connection after this end has. */
export const END_LIMIT_MS = 5_000;

/**
 * One port for HTTP and for whatever else somebody tries.
 *
 * @module
 */
import { METHODS } from 'node:http';
import type { Socket } from 'node:net';

/** Node's limit for a whole head. */
const MAX_REQUEST_LINE_BYTES = 16 * 1024;

const REQUEST_LINE = /^[A-Z-]+ \S+ HTTP\/\d\.\d\r?$/;

/** What the first bytes of a connection tell about it. */
export type Opening = 'http' | 'other' | 'unclear';

/** Tells whether these bytes begin an HTTP request; `unclear` as long as they might. */
export function openingOf(bytes: Buffer): Opening {
  const text = bytes.toString('latin1');
  const end = text.indexOf('\n');
  if (end >= 0) return REQUEST_LINE.test(text.slice(0, end)) ? 'http' : 'other';
  const [method = ''] = text.split(' ', 1);
  const known = text.length > method.length ? METHODS.includes(method) : startsMethod(method);
  if (!known) return 'other';
  return bytes.length > MAX_REQUEST_LINE_BYTES ? 'http' : 'unclear';
}

function startsMethod(text: string): boolean {
  return METHODS.some((method) => method.startsWith(text));
}

/** Who serves a connection, once it is known what it is. The bytes that came so far are still in the socket. */
export interface Servers {
  readonly http: (socket: Socket) => void;
  readonly other: (socket: Socket) => void;
}

/** Waits for the first bytes of a connection and hands it to whom it is for. */
export function serveByOpening(socket: Socket, servers: Servers): void {
  let begun = Buffer.alloc(0);
  const onData = (bytes: Buffer) => {
    begun = Buffer.concat([begun, bytes]);
    const opening = openingOf(begun);
    if (opening === 'unclear') return;
    socket.off('data', onData).off('end', onEnd).pause();
    socket.unshift(begun);
    servers[opening](socket);
    socket.resume();
  };
  // It ended before it was clear what it would be; to give back what came is right for all that is not HTTP.
  const onEnd = () => void socket.end(begun);
  socket.on('data', onData).on('end', onEnd);
}

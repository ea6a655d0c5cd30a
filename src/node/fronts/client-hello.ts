/** What a TLS client says in clear at the beginning. */
export interface ClientHello {
  /** The host it wants, in lower case. */
  readonly serverName: string | undefined;
  /** The protocols it speaks inside (ALPN), as `h2`. */
  readonly protocols: readonly string[];
}

const HANDSHAKE = 0x16;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const ALPN = 16;
const RECORD_HEADER_BYTES = 5;
const MAX_RECORD_BYTES = 16 * 1024 + 256;

/** Alert: fatal, unrecognized_name (RFC 6066), in a TLS record. */
export const UNRECOGNIZED_NAME = Buffer.from([0x15, 3, 3, 0, 2, 2, 112]);

/** Whether these bytes begin a TLS handshake, or might. */
export function mayBeTls(bytes: Buffer): boolean {
  const begin = [HANDSHAKE, 3];
  return begin.every((value, at) => at >= bytes.length || bytes[at] === value);
}

/** Reads a ClientHello; `incomplete` until all of it is there, `other` if it is none. */
export function parseClientHello(bytes: Buffer): ClientHello | 'incomplete' | 'other' {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    if (at >= bytes.length) return 'incomplete';
    if (bytes[at] !== HANDSHAKE) return 'other';
    if (at + RECORD_HEADER_BYTES > bytes.length) return 'incomplete';
    const length = bytes.readUInt16BE(at + 3);
    if (bytes[at + 1] !== 3 || length === 0 || length > MAX_RECORD_BYTES) return 'other';
    parts.push(bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length));
    const message = Buffer.concat(parts);
    if (message.length > 0 && message[0] !== CLIENT_HELLO) return 'other';
    if (message.length >= 4) {
      const end = 4 + message.readUIntBE(1, 3);
      if (message.length >= end) return readHello(message.subarray(4, end)) ?? 'other';
    }
    at += RECORD_HEADER_BYTES + length;
  }
}

function readHello(hello: Buffer): ClientHello | undefined {
  try {
    // Version and random; session id; cipher suites; compression methods.
    const sessionId = 34;
    const suites = sessionId + 1 + hello.readUInt8(sessionId);
    const compressions = suites + 2 + hello.readUInt16BE(suites);
    const extensions = compressions + 1 + hello.readUInt8(compressions);
    return extensions === hello.length
      ? { serverName: undefined, protocols: [] }
      : readExtensions(hello, extensions);
  } catch (error) {
    // It is cut short.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readExtensions(hello: Buffer, start: number): ClientHello {
  let serverName: string | undefined;
  const protocols: string[] = [];
  const end = start + 2 + hello.readUInt16BE(start);
  for (let at = start + 2; at < end; at += 4 + hello.readUInt16BE(at + 2)) {
    const type = hello.readUInt16BE(at);
    // A list, whose length is given again; a name has its kind before it.
    const list = at + 6;
    if (type === SERVER_NAME && hello.readUInt16BE(at + 2) > 2) {
      const length = hello.readUInt16BE(list + 1);
      serverName = hello.toString('latin1', list + 3, list + 3 + length).toLowerCase();
    } else if (type === ALPN) {
      const listEnd = list + hello.readUInt16BE(at + 4);
      for (let name = list; name < listEnd; name += 1 + hello.readUInt8(name))
        protocols.push(hello.toString('latin1', name + 1, name + 1 + hello.readUInt8(name)));
    }
  }
  return { serverName, protocols };
}

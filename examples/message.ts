/**
 * The examples' messages. TCP carries bytes and knows no messages, so each says how long it is.
 *
 * @module
 */

/** What an example sends and expects back. */
export interface Message {
  /** The number of its connection, below 256. */
  readonly connection: number;
  /** Its number within the connection, below 256. */
  readonly id: number;
  readonly bytes: Buffer;
}

/** Connection, id, and the number of bytes that follow, big endian in 4 bytes. */
const HEADER_BYTES = 6;

/** More than any example sends; a longer one is none of theirs. */
const MAX_BYTES = 64 * 1024;

export function encodeMessage({ connection, id, bytes }: Message): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(connection, 0);
  header.writeUInt8(id, 1);
  header.writeUInt32BE(bytes.length, 2);
  return Buffer.concat([header, bytes]);
}

/**
 * Reads messages from a stream of bytes, however they were cut on the way, until the stream ends.
 *
 * @throws {Error} if the bytes are no messages, or end within one.
 */
export async function* readMessages(stream: AsyncIterable<Buffer>): AsyncGenerator<Message> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < HEADER_BYTES) break;
      const end = HEADER_BYTES + rest.readUInt32BE(2);
      if (end > HEADER_BYTES + MAX_BYTES) throw new Error('what came back is no message');
      if (rest.length < end) break;
      yield {
        connection: rest.readUInt8(0),
        id: rest.readUInt8(1),
        bytes: rest.subarray(HEADER_BYTES, end),
      };
      rest = rest.subarray(end);
    }
  }
  if (rest.length > 0) throw new Error('the connection ended within a message');
}

import type { ByteReader } from './byte-reader.js';
import { decodeClose, type CloseStatus } from './close-status.js';
import { protocolError, WebSocketError } from './errors.js';
import { isControl, OPCODE, readFrameHeader, type Opcode } from './frame.js';
import { MessageBuffer } from './message-buffer.js';

/** What a server can say. */
export type Incoming =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'ping'; readonly payload: Uint8Array }
  | { readonly kind: 'pong' }
  | { readonly kind: 'close'; readonly status: CloseStatus };

/**
 * Reads what a server says after its handshake: up to its Close frame, or to the stream's end, whichever is first.
 *
 * @param maxBytes of a message; what is longer is not even read.
 * @throws {WebSocketError} at what no server may send.
 */
export async function* readMessages(
  bytes: ByteReader,
  maxBytes: number,
): AsyncGenerator<Incoming, void, void> {
  let message: MessageBuffer | undefined;
  let isText = false;
  for (;;) {
    const header = await readFrameHeader(bytes);
    if (header === undefined) return;
    const { opcode, fin, length } = header;
    if (isControl(opcode)) {
      const payload = await bytes.exactly(length);
      if (payload === undefined) return;
      yield control(opcode, payload);
      if (opcode === OPCODE.close) return;
      continue;
    }
    if (opcode !== OPCODE.continuation) {
      if (message !== undefined) throw protocolError('the server began a message within another');
      message = new MessageBuffer();
      isText = opcode === OPCODE.text;
    }
    if (message === undefined) throw protocolError('the server continued a message that it had not begun');
    if (message.length + length > maxBytes) {
      throw new WebSocketError(`the server sent a message of more than ${maxBytes} bytes`, 1009);
    }
    if (!(await readInto(message, length, bytes))) return;
    if (!fin) continue;
    yield isText ? { kind: 'text', text: textOf(message) } : { kind: 'binary', bytes: message.bytes() };
    message = undefined;
  }
}

/** Gives whether all `length` bytes came before the stream ended. */
async function readInto(message: MessageBuffer, length: number, bytes: ByteReader): Promise<boolean> {
  for (let left = length; left > 0;) {
    const piece = await bytes.some(left);
    if (piece === undefined) return false;
    message.append(piece);
    left -= piece.length;
  }
  return true;
}

function control(opcode: Opcode, payload: Uint8Array): Incoming {
  switch (opcode) {
    case OPCODE.close:
      return { kind: 'close', status: decodeClose(payload) };
    case OPCODE.ping:
      return { kind: 'ping', payload };
    default:
      return { kind: 'pong' };
  }
}

function textOf(message: MessageBuffer): string {
  try {
    return message.text();
  } catch (cause) {
    throw new WebSocketError('the server sent text that is not UTF-8', 1007, { cause });
  }
}

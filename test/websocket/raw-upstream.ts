import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

import type { Connect } from '../../src/proxy/socket.js';
import { tcpConnect } from '../support/tcp-connect.js';

/** A frame as a client sent it, unmasked. */
export interface ClientFrame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The upstream's end of a connection, where a test says every byte. */
export class RawPeer {
  readonly socket: Socket;
  #received = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
  }

  /** Reads on and keeps nothing; settles when the client has ended its side, or the connection. */
  async clientEnded(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      for (const event of ['end', 'close']) this.socket.once(event, () => resolve());
    });
    this.socket.resume();
    await ended;
  }

  write(...bytes: (string | readonly number[] | Uint8Array)[]): void {
    const parts = bytes.map((part) =>
      typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part),
    );
    this.socket.write(Buffer.concat(parts));
  }

  /** Reads the request; gives its lines. */
  async readRequest(): Promise<string[]> {
    for (;;) {
      const end = this.#received.indexOf('\r\n\r\n');
      if (end >= 0)
        return this.#take(end + 4)
          .toString('latin1')
          .trimEnd()
          .split('\r\n');
      await this.#more();
    }
  }

  /** Takes the request as a server should. */
  async accept(): Promise<void> {
    const lines = await this.readRequest();
    const key = lines.find((line) => line.startsWith('Sec-WebSocket-Key: '))?.slice(19) ?? '';
    this.write(acceptance(key));
  }

  async readFrame(): Promise<ClientFrame> {
    const [first = 0, second = 0] = await this.#read(2);
    if ((second & 0x80) === 0) throw new Error('a client has to mask its frames');
    const short = second & 0x7f;
    const length =
      short < 126
        ? short
        : short === 126
          ? (await this.#read(2)).readUInt16BE()
          : Number((await this.#read(8)).readBigUInt64BE());
    const mask = await this.#read(4);
    const payload = (await this.#read(length)).map((byte, index) => byte ^ (mask[index % 4] ?? 0));
    return { fin: (first & 0x80) !== 0, opcode: first & 0x7f, payload: Buffer.from(payload) };
  }

  async #read(count: number): Promise<Buffer> {
    while (this.#received.length < count) await this.#more();
    return this.#take(count);
  }

  #take(count: number): Buffer {
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  async #more(): Promise<void> {
    for (;;) {
      const bytes = this.socket.read() as Buffer | null;
      if (bytes !== null) {
        this.#received = Buffer.concat([this.#received, bytes]);
        return;
      }
      if (this.socket.readableEnded || this.socket.destroyed) throw new Error('the client ended');
      await Promise.race([once(this.socket, 'readable'), once(this.socket, 'close')]);
    }
  }
}

/** The answer of a server that takes the request. */
export function acceptance(key: string, ...more: string[]): string {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    ...more,
    '\r\n',
  ].join('\r\n');
}

/** A frame as a server sends it. */
export function serverFrame(opcode: number, payload: string | Uint8Array, fin = true): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(bytes.length < 126 ? 2 : bytes.length < 65_536 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] = head.length === 2 ? bytes.length : head.length === 4 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(bytes.length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(bytes.length), 2);
  return Buffer.concat([head, bytes]);
}

/** A TCP server, and what it does with each connection; a failure of that is the test's. */
export async function startRawUpstream(
  t: TestContext,
  serve: (peer: RawPeer) => Promise<void> | void,
): Promise<Connect> {
  const sockets = new Set<Socket>();
  const failures: unknown[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    void (async () => serve(new RawPeer(socket)))().catch((error: unknown) => failures.push(error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
    if (failures.length > 0) throw failures[0];
  });
  return tcpConnect((server.address() as AddressInfo).port).connect;
}

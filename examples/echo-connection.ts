import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

import { encodeMessage, readMessages, type Message } from './message.js';

/** One TCP connection to something that echoes. */
export interface EchoConnection {
  /** Its number. */
  readonly connection: number;
  /** The port of this machine to connect to. */
  readonly port: number;
  /** The size of each message, in the order they are sent. */
  readonly sizes: readonly number[];
  /** Longest pause before each message; how long it is, is drawn. */
  readonly maxPauseMs: number;
  readonly signal: AbortSignal;
  readonly onSent: (message: Message) => void;
  /** Told of each message that came back as it was sent, and how long it took. */
  readonly onBack: (message: Message, ms: number) => void;
}

/** When nothing comes back for so long, nothing will. */
const SILENCE_LIMIT_MS = 60_000;

/**
 * Sends random messages over a connection of its own, without waiting for the answers, and compares what comes back.
 *
 * @throws {Error} if a message does not come back, or not as it was sent, or not in order.
 */
export async function exchangeMessages(options: EchoConnection): Promise<void> {
  const { connection, sizes, port, signal, onBack } = options;
  const socket = connect({ port, host: '127.0.0.1', signal });
  socket.setTimeout(SILENCE_LIMIT_MS, () => {
    socket.destroy(new Error(`nothing came back for ${SILENCE_LIMIT_MS / 1000} s`));
  });
  try {
    await once(socket, 'connect');
    const sent: { readonly message: Message; readonly at: number }[] = [];
    const sending = sendMessages(socket, options, (message) => {
      sent.push({ message, at: performance.now() });
    });
    // Whoever reads hears of what went wrong with the socket, too.
    sending.catch(() => undefined);
    let count = 0;
    for await (const message of readMessages(socket)) {
      const expected = sent[count];
      if (!expected || !isSame(message, expected.message)) {
        throw new Error(`message ${count} of connection ${connection} did not come back as it was sent`);
      }
      onBack(message, performance.now() - expected.at);
      count += 1;
    }
    await sending;
    if (count < sizes.length) {
      throw new Error(`connection ${connection} ended after ${count} of ${sizes.length} messages`);
    }
  } finally {
    socket.destroy();
  }
}

/** Then says that no more will come: the echo ends when it has sent all back, and with it the connection. */
async function sendMessages(
  socket: Socket,
  { connection, sizes, maxPauseMs, signal, onSent }: EchoConnection,
  remember: (message: Message) => void,
): Promise<void> {
  for (const [id, size] of sizes.entries()) {
    await pause(Math.random() * maxPauseMs, undefined, { signal });
    const message = { connection, id, bytes: randomBytes(size) };
    remember(message);
    socket.write(encodeMessage(message));
    onSent(message);
  }
  socket.end();
}

function isSame(a: Message, b: Message): boolean {
  return a.connection === b.connection && a.id === b.id && a.bytes.equals(b.bytes);
}

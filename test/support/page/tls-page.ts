/**
 * The script of the test page for TLS: connections over a relay of WebSockets, and a client with TLS through the tunnel.
 *
 * @module
 */
import { NymProxyClient, TlsError, type NymProxyClientOptions } from '../../../src/browser/index.js';
import { startTls } from '../../../src/browser/tls-engine.js';
import type { Connect } from '../../../src/proxy/socket.js';
import { tlsConnectOptions, withTls } from '../../../src/tls/socket.js';
import { WebSocketFailureEvent } from '../../../src/websocket/errors.js';

/** One attempt: at which port of the relay, and as whom. */
interface Attempt {
  readonly host: string;
  readonly port: number;
  readonly alpn: readonly string[];
}

let client: NymProxyClient | undefined;

/** Sockets over WebSockets, whose messages are pieces of the byte stream. */
function relayed(url: string): Connect {
  return () => {
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    let settle: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => (settle = resolve));
    const opened = new Promise<{ remoteAddress: string }>((resolve, reject) => {
      socket.onopen = () => resolve({ remoteAddress: url });
      socket.onerror = () => reject(new Error('the relay is gone'));
    });
    const readable = new ReadableStream<Uint8Array>({
      start(controller) {
        socket.onmessage = ({ data }) => controller.enqueue(new Uint8Array(data as ArrayBuffer));
        socket.onclose = () => {
          settle();
          controller.close();
        };
      },
      cancel: () => socket.close(),
    });
    const writable = new WritableStream<Uint8Array<ArrayBuffer>>({
      async write(bytes) {
        await opened;
        socket.send(bytes);
      },
      close: () => socket.send('end'),
      abort: () => socket.close(),
    });
    return {
      readable,
      writable,
      opened,
      closed,
      close() {
        socket.close();
        return closed;
      },
    };
  };
}

async function outcomeOf(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (cause instanceof TlsError) return `${cause.code}: ${cause.message}`;
    return String(error);
  }
}

const tlsPage = {
  /** What comes of each attempt: `ok`, or the error. */
  async verdicts(relay: string, roots: string, attempts: readonly Attempt[]): Promise<readonly string[]> {
    const tls = tlsConnectOptions({ roots }, startTls);
    const outcomes = attempts.map(({ host, port, alpn }) =>
      outcomeOf(async () => {
        const connect = withTls(relayed(`${relay}${port}`), tls);
        const socket = connect({ secureTransport: 'on', sni: host, alpn });
        await socket.opened;
        const writer = socket.writable.getWriter();
        await writer.write(new TextEncoder().encode('hello'));
        writer.releaseLock();
        return `ok: ${await new Response(socket.readable).text()}`;
      }),
    );
    return Promise.all(outcomes);
  },

  async create(options: NymProxyClientOptions): Promise<void> {
    client = await NymProxyClient.create({ identity: 'ephemeral', traffic: 'fast', ...options });
  },

  /** Fetches through the tunnel. */
  fetch(url: string): Promise<string> {
    return outcomeOf(async () => {
      const response = await client?.fetch(url);
      return `${response?.status ?? 0}: ${(await response?.text()) ?? ''}`;
    });
  },

  /** Sends a text over a WebSocket through the tunnel, and gives what comes back. */
  echo(url: string, text: string): Promise<string> {
    return outcomeOf(
      () =>
        new Promise((resolve, reject) => {
          const socket = client?.webSocket(url);
          socket?.addEventListener('open', () => socket.send(text));
          socket?.addEventListener('message', ({ data }) => {
            resolve(String(data));
            socket.close();
          });
          socket?.addEventListener('error', (event) => {
            const error = event instanceof WebSocketFailureEvent ? event.error : undefined;
            reject(error instanceof Error ? error : new Error('it failed'));
          });
        }),
    );
  },

  async close(): Promise<void> {
    await client?.close();
  },
};

type TlsPage = typeof tlsPage;
declare global {
  var tlsPage: TlsPage;
}
globalThis.tlsPage = tlsPage;

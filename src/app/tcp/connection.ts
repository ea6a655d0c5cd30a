import type { NymProxyClient, TunnelSocket } from '../../browser/index.js';
import { messageOf } from '../format.js';

/** What a terminal hears of its connection. */
export interface TcpEvents {
  opened(): void;
  received(content: Uint8Array): void;
  /** The service ended its side. */
  ended(): void;
  /** Nothing more comes or goes. */
  closed(error: string | undefined): void;
}

/** A connection for somebody who types. */
export interface TcpConnection {
  /** @throws the socket's error. */
  send(content: Uint8Array): Promise<void>;
  /** Ends this side; the service may still speak. */
  end(): void;
  /** Gives it up. */
  close(): void;
}

/** Opens a connection; what happens with it is told. */
export function openTcp(client: NymProxyClient, signal: AbortSignal, events: TcpEvents): TcpConnection {
  const socket = client.connect({ signal, allowHalfOpen: true });
  const writer = socket.writable.getWriter();
  let given = false;
  // Its failure shows when it is closed, too.
  writer.closed.catch(() => undefined);
  socket.opened.then(
    () => events.opened(),
    () => undefined,
  );
  void readAll(socket, events);
  socket.closed.then(
    () => events.closed(undefined),
    (error: unknown) => events.closed(given ? undefined : messageOf(error)),
  );
  return {
    send: (content) => writer.write(content),
    end: () => void writer.close().catch(() => undefined),
    close: () => {
      given = true;
      void socket.close().catch(() => undefined);
    },
  };
}

async function readAll({ readable }: TunnelSocket, events: TcpEvents): Promise<void> {
  try {
    for await (const content of readable) events.received(content);
    events.ended();
  } catch {
    // Shows when the socket is closed.
  }
}

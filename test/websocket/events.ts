import assert from 'node:assert/strict';

import type { Connect, TunnelSocket } from '../../src/proxy/socket.js';
import { WebSocketFailureEvent, type TunnelWebSocket } from '../../src/websocket/index.js';

/** What a `close` event said. */
export interface CloseSeen {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** The next event of a type. */
export function nextEvent<K extends keyof WebSocketEventMap>(
  socket: TunnelWebSocket,
  type: K,
): Promise<WebSocketEventMap[K]> {
  return new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }));
}

export async function closeOf(socket: TunnelWebSocket): Promise<CloseSeen> {
  const { code, reason, wasClean } = await nextEvent(socket, 'close');
  return { code, reason, wasClean };
}

/** What the next `error` event says. */
export async function failureOf(socket: TunnelWebSocket): Promise<unknown> {
  const event = await nextEvent(socket, 'error');
  assert(event instanceof WebSocketFailureEvent);
  return event.error;
}

/** The data of the next `count` messages. */
export function messagesOf(socket: TunnelWebSocket, count: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  return new Promise((resolve) => {
    const onMessage = ({ data }: MessageEvent<unknown>) => {
      seen.push(data);
      if (seen.length < count) return;
      socket.removeEventListener('message', onMessage);
      resolve(seen);
    };
    socket.addEventListener('message', onMessage);
  });
}

/** A promise and what resolves it. */
export function deferred<T = unknown>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((resolvePromise) => (resolve = resolvePromise));
  return { promise, resolve };
}

/** A `Connect`, and the first socket that it opens. */
export function watch(connect: Connect): {
  readonly watched: Connect;
  readonly below: Promise<TunnelSocket>;
} {
  const { promise: below, resolve } = deferred<TunnelSocket>();
  const watched: Connect = (options) => {
    const socket = connect(options);
    resolve(socket);
    return socket;
  };
  return { watched, below };
}

/** Close code that tells the peer why it is failed (RFC 6455 section 7.4.1). */
export type FailureCode = 1002 | 1007 | 1009;

/** Why a WebSocket connection could not be made or kept. */
export class WebSocketError extends Error {
  override readonly name = 'WebSocketError';
  readonly code = 'websocket';
  /** What the server is told; `undefined` if the connection is broken off without a word. */
  readonly closeCode: FailureCode | undefined;

  constructor(message: string, closeCode?: FailureCode, options?: ErrorOptions) {
    super(message, options);
    this.closeCode = closeCode;
  }
}

/** The server broke RFC 6455. */
export function protocolError(message: string): WebSocketError {
  return new WebSocketError(message, 1002);
}

/** The `error` event of a `TunnelWebSocket`: unlike a browser's own, it says what was wrong. */
export class WebSocketFailureEvent extends Event {
  /** A {@link WebSocketError}, or the error of the tunnel. */
  readonly error: unknown;

  constructor(error: unknown) {
    super('error');
    this.error = error;
  }
}

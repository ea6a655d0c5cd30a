/**
 * What went wrong with a fetch through the tunnel:
 *
 * - `url`: the tunnel cannot carry this URL.
 * - `request`: the request, or the stream that is its body, is no good.
 * - `redirect`: the redirect may not be followed.
 * - `response`: what the upstream sent is not HTTP/1.1 that can be trusted.
 * - `connection`: the connection ended before the response was complete.
 * - `closed`: the client was closed.
 */
export type TunnelFetchErrorCode = 'url' | 'request' | 'redirect' | 'response' | 'connection' | 'closed';

/** A fetch through the tunnel failed. A `TypeError`, as that is what `fetch` rejects with when the network fails. */
export class TunnelFetchError extends TypeError {
  override readonly name = 'TunnelFetchError';
  readonly code: TunnelFetchErrorCode;

  constructor(code: TunnelFetchErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What the upstream sent is refused. */
export function badResponse(what: string): TunnelFetchError {
  return new TunnelFetchError('response', `The upstream's response is not valid HTTP/1.1: ${what}`);
}

/** For what a socket rejects with. */
export function connectionLost(error: unknown): never {
  const why = error instanceof Error ? error.message : String(error);
  throw new TunnelFetchError('connection', `The connection to the upstream was lost: ${why}`, {
    cause: error,
  });
}

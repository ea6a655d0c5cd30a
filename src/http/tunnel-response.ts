/** What a {@link TunnelResponse} is made of besides its body. */
export interface TunnelResponseInit {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** Of the last request, after redirects. */
  readonly url: URL;
  readonly redirected: boolean;
}

/**
 * A `Response` that knows its URL, and that shows each `Set-Cookie` header by `headers.getSetCookie()`, both of which
 * no script can give to a plain one.
 */
export class TunnelResponse extends Response {
  readonly #init: TunnelResponseInit;

  constructor(body: ReadableStream | null, init: TunnelResponseInit) {
    const { status, statusText, headers } = init;
    super(body, { status, statusText, headers });
    this.#init = init;
  }

  override get headers(): Headers {
    return this.#init.headers;
  }

  /** Without a fragment, as that of any response. */
  override get url(): string {
    const url = new URL(this.#init.url);
    url.hash = '';
    return url.href;
  }

  override get redirected(): boolean {
    return this.#init.redirected;
  }

  override clone(): TunnelResponse {
    const headers = new Headers(this.#init.headers);
    return new TunnelResponse(super.clone().body, { ...this.#init, headers });
  }
}

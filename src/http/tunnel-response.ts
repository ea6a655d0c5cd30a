/** What a {@link TunnelResponse} is made of besides its body. */
export interface TunnelResponseInit {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** Of the last request, after redirects. */
  readonly url: URL;
  readonly redirected: boolean;
}

/** What a script may give to a plain `Response`; one from the network may have any status. */
const MAX_PLAIN_STATUS = 599;

/**
 * A `Response` that knows its URL, has any status from 200 to 999, and shows each `Set-Cookie` header by
 * `headers.getSetCookie()`, none of which a script can give to a plain one.
 */
export class TunnelResponse extends Response {
  readonly #init: TunnelResponseInit;

  constructor(body: ReadableStream | null, init: TunnelResponseInit) {
    super(body, { status: Math.min(init.status, MAX_PLAIN_STATUS), headers: init.headers });
    this.#init = init;
  }

  // Node's own constructor asks for both, before there is anything to tell.
  override get status(): number {
    return #init in this ? this.#init.status : super.status;
  }

  override get statusText(): string {
    return #init in this ? this.#init.statusText : super.statusText;
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

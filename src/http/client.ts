import { OptionError } from '../basics/options-check.js';
import { orAborted } from '../mixnet/or-aborted.js';
import type { Connect } from '../proxy/socket.js';
import { closedError, ConnectionPool } from './connection-pool.js';
import { decoded } from './content-coding.js';
import { TunnelFetchError } from './errors.js';
import { type Answer, Exchange } from './exchange.js';
import { dropBody, type FetchRequest, isRepeatable } from './fetch-request.js';
import { DEFAULT_IDLE_MS, DEFAULT_MAX_SOCKETS, MAX_REDIRECTS } from './limits.js';
import { normalizeRequest, tunnelUrl } from './normalize-request.js';
import { redirectedRequest, redirectTarget } from './redirect.js';
import { TunnelResponse } from './tunnel-response.js';

/** What relative URLs are relative to unless something else is given. */
export const DEFAULT_BASE_URL = 'http://upstream/';

/** How an {@link HttpClient} is made. */
export interface HttpClientOptions {
  /** Opens sockets to the upstream. */
  readonly connect: Connect;
  /** Relative URLs resolve against it; `http://upstream/` unless given. Its host is what the upstream is told. */
  readonly baseUrl?: string;
  /** Sockets open at the same time, 6 unless given; further requests wait for their turn. */
  readonly maxSockets?: number;
  /** How long an idle socket is kept for the next request, in ms; 4,000 unless given, 0 for not at all. */
  readonly idleMs?: number;
}

interface Running {
  readonly control: AbortController;
  /** A `Request` must live for its signal to follow the one it was made with. */
  readonly input: RequestInfo | URL;
}

/** The last answer of a chain of redirects, and what it answers. */
interface Outcome {
  readonly answer: Answer;
  readonly request: FetchRequest;
  readonly redirected: boolean;
  readonly ended: Promise<void>;
}

/**
 * `fetch` over sockets that all lead to one upstream, whatever the host of a URL: that is only told to the upstream, and
 * for `https:` is whom its certificate must be for.
 */
export class HttpClient {
  readonly #pool: ConnectionPool;
  readonly #baseUrl: string;
  readonly #running = new Set<Running>();
  #closed = false;

  /**
   * @throws {RangeError} for a limit that is none.
   * @throws {TunnelFetchError} `url` if the base URL is no `http:` or `https:` URL.
   */
  constructor(options: HttpClientOptions) {
    const { connect, baseUrl = DEFAULT_BASE_URL } = options;
    const { maxSockets = DEFAULT_MAX_SOCKETS, idleMs = DEFAULT_IDLE_MS } = options;
    if (!Number.isInteger(maxSockets) || maxSockets < 1)
      throw new OptionError('maxSockets must be 1 or more');
    if (!(idleMs >= 0 && idleMs < 2 ** 31)) throw new OptionError('idleMs must be from 0 to 2,147,483,647');
    this.#baseUrl = tunnelUrl(baseUrl).href;
    this.#pool = new ConnectionPool({ connect, maxSockets, idleMs });
  }

  /**
   * Like the platform's `fetch`, with these differences:
   *
   * - Only `http:` URLs, which the tunnel itself encrypts up to its server, and `https:` URLs, which are encrypted up
   *   to the upstream; it needs a certificate for their host. Relative ones resolve against the base URL.
   * - The headers that frame a message (`Host`, `Connection`, `Content-Length`, `Transfer-Encoding` and the like) are
   *   set here, and silently dropped where the caller sets them. All others are sent as given, also those that
   *   browsers keep to themselves, such as `Cookie`. No cookies are stored.
   * - `mode`, `credentials`, `cache`, `integrity`, `keepalive` and `referrer` have no meaning and no effect. A
   *   `Request` of mode `navigate` is taken as well.
   * - `redirect: 'manual'` gives the redirect itself, with its status and headers to be read. `'follow'` goes to the
   *   origins of the request and of the base URL only, as no other can be reached.
   * - `gzip` and `deflate` bodies are decoded, unless the caller sets `Accept-Encoding`; then the body is as it was
   *   sent.
   * - A stream as a request body needs no `duplex`, and the response is there as soon as it arrives, even while the
   *   request is still being sent.
   *
   * The body streams as it is read. A response whose body is neither read to its end nor cancelled keeps its socket.
   *
   * @throws {TunnelFetchError} saying what went wrong; the body errors with one too, and never just ends early.
   * @throws the reason of `init.signal`, which also errors the body, if it aborts.
   */
  async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const inputSignal = input instanceof Request ? input.signal : undefined;
    const signal = init?.signal === undefined ? inputSignal : init.signal;
    const running = { control: new AbortController(), input };
    const { control } = running;
    const abort = () => control.abort(signal?.reason);
    const forget = () => {
      signal?.removeEventListener('abort', abort);
      this.#running.delete(running);
    };
    signal?.addEventListener('abort', abort);
    this.#running.add(running);
    try {
      if (signal?.aborted) abort();
      if (this.#closed) control.abort(closedError());
      const outcome = await this.#run(input, init, control.signal);
      void outcome.ended.then(forget);
      return responseOf(outcome);
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** Breaks off every fetch that has not ended, closes the sockets, and settles when they have closed. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { control } of this.#running) control.abort(closedError());
    await this.#pool.close();
  }

  async #run(input: RequestInfo | URL, init: RequestInit | undefined, signal: AbortSignal): Promise<Outcome> {
    const normalizing = normalizeRequest(input, init, this.#baseUrl);
    try {
      return await this.#follow(await orAborted(normalizing, signal), signal);
    } catch (error) {
      const drop = (request: FetchRequest) => dropBody(request, error);
      normalizing.then(drop, () => undefined);
      throw error;
    }
  }

  async #follow(first: FetchRequest, signal: AbortSignal): Promise<Outcome> {
    const origins = [...new Set([first.url.origin, new URL(this.#baseUrl).origin])];
    let request = first;
    for (let redirects = 0; ; redirects += 1) {
      const { answer, ended } = await this.#send(request, signal);
      const target = redirectTarget(answer.head);
      if (target === null || request.redirect === 'manual') {
        return { answer, request, redirected: redirects > 0, ended };
      }
      // Gives the socket back if the body came along with the head, and closes it otherwise.
      await answer.body?.cancel();
      if (request.redirect === 'error') {
        throw new TunnelFetchError('redirect', `The upstream redirects to ${target}, which was not wanted`);
      }
      if (redirects === MAX_REDIRECTS) {
        throw new TunnelFetchError('redirect', `The upstream redirects more than ${MAX_REDIRECTS} times`);
      }
      request = redirectedRequest(request, answer.head.status, target, origins);
    }
  }

  async #send(request: FetchRequest, signal: AbortSignal): Promise<{ answer: Answer; ended: Promise<void> }> {
    // An idle connection may be gone before the request gets there, so only what can be repeated goes out on one.
    for (let fresh = !isRepeatable(request); ; fresh = true) {
      const lease = await this.#pool.acquire({ fresh, tlsHost: tlsHostOf(request.url) }, signal);
      const exchange = new Exchange({ request, lease, pool: this.#pool, signal });
      try {
        const answer = await exchange.answer();
        return { answer, ended: exchange.ended };
      } catch (error) {
        if (!exchange.wasTooLate) throw error;
      }
    }
  }
}

/** Whom TLS is spoken with; `undefined` for `http:`, where all hosts are one upstream. */
function tlsHostOf({ protocol, hostname }: URL): string | undefined {
  return protocol === 'https:' ? hostname : undefined;
}

function responseOf({ answer, request, redirected }: Outcome): Response {
  const { status, statusText, headers } = answer.head;
  const coding = request.headers.has('accept-encoding') ? null : headers.get('content-encoding');
  const body = answer.body === null ? null : decoded(answer.body, coding);
  return new TunnelResponse(body, { status, statusText, headers, url: request.url, redirected });
}

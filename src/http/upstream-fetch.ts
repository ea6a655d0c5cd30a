import type { ConnectOptions, TunnelSocket } from '../proxy/socket.js';
import { HttpClient, type HttpClientOptions } from './client.js';
import { TunnelFetchError } from './errors.js';

/** Opens a connection to the upstream that the options name. */
type Connect = (options?: ConnectOptions) => TunnelSocket;

/** How an {@link UpstreamFetch} is made. */
export interface UpstreamFetchOptions extends Omit<HttpClientOptions, 'connect'> {
  readonly connect: Connect;
  readonly baseUrl: string;
  /** Whether the host and port of a URL name the upstream; otherwise all lead to the default one. */
  readonly upstreamByHost?: boolean | undefined;
}

/** Where a URL leads. */
export interface Destination {
  /** The server's default upstream unless given. */
  readonly upstream: string | undefined;
  /** With `http:` in the place of `nym:`. */
  readonly url: URL;
}

/** `fetch` to any upstream of a server: `nym://name/path` names it, or the host of a URL does. */
export class UpstreamFetch {
  readonly #options: UpstreamFetchOptions;
  /** By the upstream's name, or an empty string. */
  readonly #clients = new Map<string, HttpClient>();
  #closed = false;

  constructor(options: UpstreamFetchOptions) {
    this.#options = options;
    this.#clientFor('');
  }

  /**
   * As {@link HttpClient.fetch}.
   *
   * @throws {TunnelFetchError}
   * @throws the signal's reason.
   */
  async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const given = input instanceof Request ? input.url : input.toString();
    const { baseUrl } = this.#options;
    if (!URL.canParse(given, baseUrl)) return this.#clientFor('').fetch(input, init);
    const { upstream = '', url } = this.destinationOf(new URL(given, baseUrl));
    const client = this.#clientFor(upstream);
    if (!(input instanceof Request)) return client.fetch(url, init);
    return client.fetch(url.href === new URL(given).href ? input : new Request(url, input), init);
  }

  /**
   * Where a URL leads.
   *
   * @throws {TunnelFetchError} `url` if `nym:` is followed by no name.
   */
  destinationOf(url: URL): Destination {
    if (url.protocol === 'nym:') {
      const upstream = decodeURIComponent(url.host);
      if (upstream === '')
        throw new TunnelFetchError('url', `"${url.href}" names no upstream; write nym://name/path`);
      // A port is the upstream's; what it is told is the name.
      return {
        upstream,
        url: new URL(`http://${url.host}${url.href.slice(url.href.indexOf(url.host) + url.host.length)}`),
      };
    }
    if (this.#options.upstreamByHost !== true) return { upstream: undefined, url };
    const port = url.port === '' ? defaultPort(url.protocol) : url.port;
    return { upstream: `${url.hostname}:${port}`, url };
  }

  /** Breaks off every fetch that has not ended, and settles when the sockets have closed. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }

  #clientFor(upstream: string): HttpClient {
    const known = this.#clients.get(upstream);
    if (known !== undefined) return known;
    const { connect, ...options } = this.#options;
    const client = new HttpClient({
      ...options,
      connect: (given) => connect(upstream === '' ? given : { ...given, upstream }),
      baseUrl: upstream === '' || options.upstreamByHost === true ? options.baseUrl : `http://${upstream}/`,
    });
    this.#clients.set(upstream, client);
    if (this.#closed) void client.close();
    return client;
  }
}

function defaultPort(protocol: string): string {
  return protocol === 'https:' || protocol === 'wss:' ? '443' : '80';
}

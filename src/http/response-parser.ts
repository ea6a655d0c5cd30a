import { HTTPParser } from '@achingbrain/http-parser-js';

import type { Bytes } from './byte-stream.js';
import { badResponse, TunnelFetchError } from './errors.js';
import { MAX_INTERIM_RESPONSES } from './limits.js';
import { keepAliveHint, responseHeaders, type ResponseHead } from './response-head.js';
import { StrictParser } from './strict-parser.js';

/** What the parser tells at the end of a head. */
interface HeadInfo {
  readonly versionMinor: number;
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly shouldKeepAlive: boolean;
}

/** A response without a body whatever its headers say (RFC 9112 section 6.3). */
const BODILESS = [204, 304];
const SKIP_BODY = 1;

/** Reads the response to one request, and passes over the interim ones before it. */
export class ResponseParser {
  readonly #parser = new StrictParser();
  readonly #method: string;
  #head: ResponseHead | undefined;
  #interim = 0;
  #pieces: Bytes[] = [];

  constructor(method: string) {
    this.#method = method;
    Object.assign(this.#parser, {
      [HTTPParser.kOnHeadersComplete]: (info: HeadInfo) => this.#onHead(info),
      [HTTPParser.kOnBody]: (piece: Bytes) => void this.#pieces.push(piece),
      [HTTPParser.kOnMessageComplete]: () => void (this.#parser.complete = this.#head !== undefined),
    });
  }

  /** The head, once it is there. */
  get head(): ResponseHead | undefined {
    return this.#head;
  }

  /** Whether the whole response has been read. */
  get complete(): boolean {
    return this.#parser.complete;
  }

  /** How long the connection may be kept for another request, in ms; 0 if not at all. */
  get keepAliveMs(): number {
    if (!this.complete || this.#parser.excess) return 0;
    return this.#head?.keepAliveMs ?? 0;
  }

  /**
   * Takes in bytes of the connection.
   *
   * @throws {TunnelFetchError} `response`; nothing may follow then.
   */
  feed(bytes: Uint8Array): void {
    const result = this.#parser.execute(bytes);
    if (!(result instanceof Error)) return;
    if (result instanceof TunnelFetchError) throw result;
    throw new TunnelFetchError('response', `The upstream's response cannot be parsed: ${result.message}`, {
      cause: result,
    });
  }

  /**
   * Takes in the end of the connection.
   *
   * @throws {TunnelFetchError} `connection` if the response is not complete.
   */
  finish(): void {
    this.#parser.finish();
    if (this.complete) return;
    const where = this.#head === undefined ? 'before its response' : 'in the middle of the response body';
    throw new TunnelFetchError('connection', `The upstream ended the connection ${where}`);
  }

  /** Takes out the pieces of the body that have been read; none is empty. */
  takePieces(): Bytes[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  #onHead(info: HeadInfo): number | undefined {
    const { statusCode: status, statusMessage: statusText, shouldKeepAlive } = info;
    const headers = responseHeaders(info.headers, info.versionMinor);
    if (status === 101) throw badResponse('it switches protocols, which was not asked for');
    if (status < 200) {
      this.#interim += 1;
      if (this.#interim > MAX_INTERIM_RESPONSES) throw badResponse('it has too many interim responses');
      return SKIP_BODY;
    }
    this.#head = { status, statusText, headers, keepAliveMs: shouldKeepAlive ? keepAliveHint(headers) : 0 };
    return this.#method === 'HEAD' || BODILESS.includes(status) ? SKIP_BODY : undefined;
  }
}

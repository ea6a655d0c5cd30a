/**
 * Reads HTTP/1.1 responses from bytes that come in any pieces. Lenient where browsers are, as long as there is no doubt
 * where the response ends: bare LFs in a head, folded fields, blank lines before it, any status, any character in a
 * value. Strict about everything that says where it ends: lengths, transfer codings, chunks (RFC 9112).
 *
 * @module
 */
import type { Bytes } from './byte-stream.js';
import { badResponse, TunnelFetchError } from './errors.js';
import { MAX_CHUNK_LINE_BYTES, MAX_HEAD_BYTES, MAX_HEADER_FIELDS, MAX_TRAILER_FIELDS } from './limits.js';

const LF = 0x0a;

/** The head of a response, as it came. */
interface RawHead {
  /** 100 to 999. */
  readonly status: number;
  readonly statusText: string;
  /** Of HTTP/1. */
  readonly minorVersion: number;
  /** One character for each byte, as `fetch` reads headers. */
  readonly fields: readonly Field[];
}

type Field = readonly [name: string, value: string];

/** The head of a response. */
export interface ResponseHead {
  /** 200 to 999. */
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  /** How long the connection may stay idle after this response, in ms; 0 if it ends with it. */
  readonly keepAliveMs: number;
}

/** Takes lines out of pieces of bytes. */
class LineReader {
  readonly #maxBytes: number;
  #line = '';
  #bytes = 0;

  /** @param maxBytes of all the lines together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What has come of a line that is not complete. */
  get begun(): string {
    return this.#line;
  }

  /** Reads from `at`: up to where, and the line without its LF if it is complete. */
  read(bytes: Uint8Array, at: number): { readonly at: number; readonly line: string | undefined } {
    const lf = bytes.indexOf(LF, at);
    const end = lf === -1 ? bytes.length : lf;
    this.#bytes += end - at + 1;
    if (this.#bytes > this.#maxBytes) throw badResponse(`its header is larger than ${this.#maxBytes} bytes`);
    const line = this.#line + latin1(bytes.subarray(at, end));
    this.#line = lf === -1 ? line : '';
    return lf === -1 ? { at: end, line: undefined } : { at: end + 1, line };
  }
}

const VERSIONS = ['HTTP/1.0', 'HTTP/1.1'];
const VERSION_LENGTH = 8;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([^\0\r]*))?$/;
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Where they are folded, those who read them disagree about what they say. */
const NEVER_FOLDED = ['content-length', 'transfer-encoding'];

/**
 * Reads one head: a status line, and fields up to an empty line.
 *
 * Interim heads (100 to 199) are passed over, but for 101.
 */
class HeadReader {
  readonly #lines = new LineReader(MAX_HEAD_BYTES);
  #start: Omit<RawHead, 'fields'> | undefined;
  #fields: Field[] = [];
  #interim = false;

  /** Whether an interim head has come. */
  get interim(): boolean {
    return this.#interim;
  }

  /**
   * Reads from `at`: up to where, and the head if it is complete; nothing may follow then.
   *
   * @throws {TunnelFetchError} `response`.
   */
  read(bytes: Uint8Array, at: number): { readonly at: number; readonly head: RawHead | undefined } {
    while (at < bytes.length) {
      const isBeginning = this.#start === undefined && this.#lines.begun.length < VERSION_LENGTH;
      const { at: next, line } = this.#lines.read(bytes, at);
      at = next;
      if (isBeginning) checkVersion(line ?? this.#lines.begun);
      const head = line === undefined ? undefined : this.#take(withoutEnd(line));
      if (head === undefined) continue;
      if (head.status >= 200 || head.status === 101) return { at, head };
      this.#interim = true;
    }
    return { at, head: undefined };
  }

  #take(line: string): RawHead | undefined {
    if (this.#start === undefined) {
      // Some servers end a message with a line too many, which shows before the next.
      if (line !== '') this.#start = statusLine(line);
      return undefined;
    }
    if (line !== '') {
      addField(this.#fields, line, MAX_HEADER_FIELDS);
      return undefined;
    }
    const head = { ...this.#start, fields: this.#fields };
    this.#start = undefined;
    this.#fields = [];
    return head;
  }
}

type State = 'head' | 'length' | 'until end' | 'chunk size' | 'chunk' | 'chunk end' | 'trailers' | 'complete';

/** Reads the response to one request, and passes over the interim ones before it. */
export class ResponseParser {
  readonly #method: string;
  readonly #headReader = new HeadReader();
  #state: State = 'head';
  #head: ResponseHead | undefined;
  /** Of the body, or of the chunk. */
  #bytesLeft = 0;
  #lines = new LineReader(MAX_CHUNK_LINE_BYTES);
  #trailers: Field[] = [];
  /** Whether bytes came that belong to no response. */
  #excess = false;
  #pieces: Bytes[] = [];

  constructor(method: string) {
    this.#method = method;
  }

  /** The head, once it is there. */
  get head(): ResponseHead | undefined {
    return this.#head;
  }

  /** Whether an interim response has come, and the final one has not. */
  get waitsAfterInterim(): boolean {
    return this.#head === undefined && this.#headReader.interim;
  }

  /** Whether the whole response has been read. */
  get complete(): boolean {
    return this.#state === 'complete';
  }

  /** How long the connection may be kept for another request, in ms; 0 if not at all. */
  get keepAliveMs(): number {
    return this.complete && !this.#excess ? (this.#head?.keepAliveMs ?? 0) : 0;
  }

  /**
   * Takes in bytes of the connection.
   *
   * @throws {TunnelFetchError} `response`; nothing may follow then.
   */
  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at = this.#read(bytes, at);
  }

  /**
   * Takes in the end of the connection.
   *
   * @throws {TunnelFetchError} `connection` if the response is not complete.
   */
  finish(): void {
    if (this.#state === 'until end') this.#state = 'complete';
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

  /** Reads on from `at`; gives up to where. */
  #read(bytes: Uint8Array, at: number): number {
    switch (this.#state) {
      case 'head': {
        const { at: next, head } = this.#headReader.read(bytes, at);
        if (head !== undefined) this.#begin(head);
        return next;
      }
      case 'length':
      case 'chunk': {
        const piece = bytes.slice(at, at + this.#bytesLeft);
        this.#pieces.push(piece);
        this.#bytesLeft -= piece.length;
        if (this.#bytesLeft === 0) this.#state = this.#state === 'chunk' ? 'chunk end' : 'complete';
        return at + piece.length;
      }
      case 'until end':
        this.#pieces.push(bytes.slice(at));
        return bytes.length;
      case 'complete':
        this.#excess = true;
        return bytes.length;
      default: {
        const { at: next, line } = this.#lines.read(bytes, at);
        if (line !== undefined) this.#takeLine(line);
        return next;
      }
    }
  }

  #begin(raw: RawHead): void {
    if (raw.status === 101) throw badResponse('it switches protocols, which was not asked for');
    const framing = framingOf(raw);
    const bodiless = this.#method === 'HEAD' || raw.status === 204 || raw.status === 304;
    const { state, bytes } = bodiless ? NO_BODY : framing;
    const headers = headersOf(raw.fields);
    const keepAliveMs = state === 'until end' || !isKept(raw, headers) ? 0 : keepAliveHint(headers);
    this.#head = { status: raw.status, statusText: raw.statusText, headers, keepAliveMs };
    this.#state = state;
    this.#bytesLeft = bytes;
  }

  /** Of the lines between chunks and behind them. */
  #takeLine(line: string): void {
    if (!line.endsWith('\r')) throw badResponse('a line between its chunks does not end in CR LF');
    const content = withoutEnd(line);
    switch (this.#state) {
      case 'chunk size':
        this.#bytesLeft = chunkSize(content);
        this.#lines = new LineReader(MAX_CHUNK_LINE_BYTES);
        this.#state = this.#bytesLeft === 0 ? 'trailers' : 'chunk';
        return;
      case 'chunk end':
        if (content !== '') throw badResponse('a chunk is longer than its size');
        this.#state = 'chunk size';
        return;
      default:
        if (content === '') this.#state = 'complete';
        else addField(this.#trailers, content, MAX_TRAILER_FIELDS);
    }
  }
}

/** What a response's bytes are delimited by, and how many they are if that is known. */
interface Framing {
  readonly state: State;
  readonly bytes: number;
}

const NO_BODY: Framing = { state: 'complete', bytes: 0 };

/** @throws {TunnelFetchError} `response` if there is any doubt. */
function framingOf({ fields, minorVersion }: RawHead): Framing {
  const codings = valuesOf(fields, 'transfer-encoding').map((coding) => coding.toLowerCase());
  const lengths = valuesOf(fields, 'content-length').flatMap((value) => value.split(',').map(trimmed));
  if (codings.length > 0 && lengths.length > 0) {
    throw badResponse('it has both Content-Length and Transfer-Encoding');
  }
  if (codings.length > 0) {
    const [coding] = codings;
    if (codings.length > 1 || (coding !== 'chunked' && coding !== 'identity'))
      throw badResponse('its Transfer-Encoding is not "chunked"');
    if (minorVersion === 0) throw badResponse('Transfer-Encoding is unknown to HTTP/1.0');
    return { state: coding === 'chunked' ? 'chunk size' : 'until end', bytes: 0 };
  }
  const [length] = lengths;
  if (length === undefined) return { state: 'until end', bytes: 0 };
  if (lengths.some((other) => other !== length)) throw badResponse('it has different Content-Length headers');
  if (!/^0*\d{1,15}$/.test(length)) throw badResponse('its Content-Length is not a number');
  return Number(length) === 0 ? NO_BODY : { state: 'length', bytes: Number(length) };
}

/** Of which a response has one value; a server that sends it twice, with the same value, means it once. */
const SENT_ONCE = ['content-disposition', 'content-length', 'location'];

/** @throws {TunnelFetchError} `response` if there are different values where one is meant. */
function headersOf(fields: readonly Field[]): Headers {
  const headers = new Headers();
  for (const [name, value] of fields) headers.append(name, value);
  for (const name of SENT_ONCE) {
    const [first, ...others] = valuesOf(fields, name);
    if (first === undefined) continue;
    if (others.some((other) => other !== first)) throw badResponse(`it has different ${name} headers`);
    headers.set(name, name === 'content-length' ? trimmed(first.split(',', 1)[0] ?? '') : first);
  }
  return headers;
}

function isKept({ minorVersion }: RawHead, headers: Headers): boolean {
  const options = (headers.get('connection') ?? '').toLowerCase().split(',').map(trimmed);
  return !options.includes('close') && (minorVersion === 1 || options.includes('keep-alive'));
}

/** A server that keeps connections for N seconds may close them a little before those have passed here. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

/** How long the server says that it keeps the connection, in ms, less a margin; `Infinity` if it does not say. */
function keepAliveHint(headers: Headers): number {
  const seconds = /(?:^|[\s,])timeout=(\d{1,9})/i.exec(headers.get('keep-alive') ?? '')?.[1];
  return seconds === undefined ? Infinity : Math.max(0, Number(seconds) * 1000 - KEEP_ALIVE_MARGIN_MS);
}

/** At once, as what is not HTTP may have no line ends. */
function checkVersion(line: string): void {
  if (line === '' || line === '\r') return;
  const begun = line.slice(0, VERSION_LENGTH);
  if (!VERSIONS.some((version) => version.startsWith(begun)))
    throw badResponse('it does not start with "HTTP/1.0" or "HTTP/1.1"');
}

function statusLine(line: string): Omit<RawHead, 'fields'> {
  const [, minorVersion, status, statusText = ''] = STATUS_LINE.exec(line) ?? [];
  if (status === undefined) throw badResponse('its status line is malformed');
  return { status: Number(status), statusText, minorVersion: Number(minorVersion) };
}

function addField(fields: Field[], line: string, max: number): void {
  // Neither character can be shown as it is, and both have been taken for the end of a line.
  if (/[\0\r]/.test(line)) throw badResponse('a header line holds a CR or NUL');
  if (line.startsWith(' ') || line.startsWith('\t')) {
    const [name, value] = fields.pop() ?? ['', ''];
    if (!FIELD_NAME.test(name)) throw badResponse('its first header line is a continuation');
    if (NEVER_FOLDED.includes(name.toLowerCase())) throw badResponse(`its ${name} is folded`);
    const more = trimmed(line);
    fields.push([name, value !== '' && more !== '' ? `${value} ${more}` : value + more]);
    return;
  }
  if (fields.length === max) throw badResponse(`it has more than ${max} headers`);
  const colon = line.indexOf(':');
  const name = line.slice(0, Math.max(colon, 0));
  if (!FIELD_NAME.test(name)) throw badResponse('a header line is malformed');
  fields.push([name, trimmed(line.slice(colon + 1))]);
}

/** 13 digits are the most that a number holds exactly; blanks before the end are sent by old servers. */
const CHUNK_LINE = /^0*([0-9A-Fa-f]{1,13})[\t ]*(?:;[\t -~\x80-\xff]*)?$/;

function chunkSize(line: string): number {
  const [, digits] = CHUNK_LINE.exec(line) ?? [];
  if (digits === undefined) throw badResponse('a chunk has no valid size');
  return Number.parseInt(digits, 16);
}

function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);
}

function withoutEnd(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

/** Without blanks around it; other white space counts. A regular expression would take quadratic time. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

/** One character for each byte; the `latin1` of `TextDecoder` is another encoding. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

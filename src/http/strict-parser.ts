import { HTTPParser } from '@achingbrain/http-parser-js';

import { badResponse } from './errors.js';
import { MAX_HEAD_BYTES, MAX_HEADER_FIELDS } from './limits.js';

/** The parts of the parser, private in its types, that its line reader works on. */
interface LenientParser {
  readonly state: string;
  readonly chunk: Uint8Array;
  readonly end: number;
  offset: number;
  line: string;
  /** Takes the next line out of `chunk`; `undefined` if it is not complete yet. */
  consumeLine(): string | undefined;
  execute(bytes: Uint8Array): number | Error;
  finish(): Error | undefined;
}

const LenientParser = HTTPParser as unknown as new (type: 'RESPONSE') => LenientParser;

const LF = 0x0a;
const VERSION = 'HTTP/1.';
const STATUS_LINE = /^HTTP\/1\.[01] [1-5]\d\d(?: [\t -~\x80-\xff]*)?$/;
const FIELD_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*$/;
/** 13 digits are the most that a number holds exactly; blanks before the end are sent by old servers. */
const CHUNK_LINE = /^[0-9A-Fa-f]{1,13}[\t ]*(?:;[\t -~\x80-\xff]*)?$/;

/**
 * The parser, without its leniency towards lines: it would take bare LFs for line ends, skip empty lines and header
 * lines it does not understand, unfold folded ones, take a chunk size that is no number for the last chunk, and let
 * lines outside the head grow without a bound. Reads one response, and the interim ones before it.
 */
export class StrictParser extends LenientParser {
  /** Whether bytes came that belong to no response. */
  excess = false;
  /** Set once the response is complete. */
  complete = false;
  /** Of the head, the trailers or the chunk line that is being read. */
  #bytes = 0;
  #fields = 0;

  constructor() {
    super('RESPONSE');
  }

  override consumeLine(): string | undefined {
    if (this.complete) {
      this.excess = true;
      this.offset = this.end;
      return undefined;
    }
    const lf = this.chunk.indexOf(LF, this.offset);
    const end = lf === -1 ? this.end : lf;
    this.#bytes += end - this.offset;
    if (this.#bytes > MAX_HEAD_BYTES) throw badResponse(`its header is larger than ${MAX_HEAD_BYTES} bytes`);
    this.line += latin1(this.chunk.subarray(this.offset, end));
    this.offset = lf === -1 ? end : end + 1;
    if (this.state === 'RESPONSE_LINE' && !VERSION.startsWith(this.line.slice(0, VERSION.length))) {
      throw badResponse('it does not start with "HTTP/1.0" or "HTTP/1.1"');
    }
    return lf === -1 ? undefined : this.#completeLine();
  }

  #completeLine(): string {
    const { line } = this;
    this.line = '';
    if (!line.endsWith('\r')) throw badResponse('a line does not end in CR LF');
    const content = line.slice(0, -1);
    this.#check(content);
    return content;
  }

  #check(line: string): void {
    switch (this.state) {
      case 'RESPONSE_LINE':
        if (!STATUS_LINE.test(line)) throw badResponse('its status line is malformed');
        return;
      case 'BODY_CHUNKHEAD':
        if (!CHUNK_LINE.test(line)) throw badResponse('a chunk has no valid size');
        this.#startAnew();
        return;
      case 'BODY_CHUNKEMPTYLINE':
        if (line !== '') throw badResponse('a chunk is longer than its size');
        this.#startAnew();
        return;
      default:
        this.#checkField(line);
    }
  }

  #checkField(line: string): void {
    if (line === '') {
      this.#startAnew();
      return;
    }
    this.#fields += 1;
    if (this.#fields > MAX_HEADER_FIELDS) throw badResponse(`it has more than ${MAX_HEADER_FIELDS} headers`);
    if (!FIELD_LINE.test(line)) throw badResponse('a header line is malformed');
  }

  #startAnew(): void {
    this.#bytes = 0;
    this.#fields = 0;
  }
}

/** One character for each byte, as `fetch` reads headers; the `latin1` of `TextDecoder` is another encoding. */
function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

import { METHODS } from 'node:http';

import { mayBeTls, parseClientHello } from './client-hello.js';
import type { PageRules, Refusal } from './page-rules.js';
import {
  endOfHead,
  framingOf,
  isRequestLine,
  parseRequestHead,
  RequestHeadError,
  type RequestHead,
} from './request-head.js';

/** A head that is longer is refused; browsers' are a few KiB. */
const MAX_HEAD_BYTES = 64 * 1024;

/** A line with the size of a chunk, or one behind the last. */
const MAX_CHUNK_LINE_BYTES = 8 * 1024;

/** What the names of methods are made of (RFC 9110, section 5.6.2). */
const NO_TOKEN = /[^\w!#$%&'*+.^`|~-]/;

/** A first word that is longer passes while it comes: a request has no effect before its head is complete. */
const LONG_WORD_BYTES = 512;

/**
 * How long nothing comes in the middle of a connection's first word until it is another protocol's, whose application may
 * be waiting for an answer: a browser sends a request's head at once.
 */
export const WORD_PAUSE_MS = 200;

/** What a connection turns out to be. */
export type Opening = 'http' | 'tls' | 'long-word' | 'other' | 'unclear';

/** What these first bytes of a connection begin; `unclear` while it may be several things. */
export function openingOf(bytes: Buffer): Opening {
  if (bytes.length === 0) return 'unclear';
  if (mayBeTls(bytes)) return bytes.length < 2 ? 'unclear' : 'tls';
  const end = bytes.indexOf(0x0a);
  if (end >= 0) return isRequestLine(bytes.toString('latin1', 0, end).replace(/\r$/, '')) ? 'http' : 'other';
  const text = bytes.toString('latin1');
  const [word = ''] = text.split(' ', 1);
  if (NO_TOKEN.test(word)) return 'other';
  if (word.length > LONG_WORD_BYTES) return 'long-word';
  const isMethod =
    word === text
      ? METHODS.some((method) => method.startsWith(word))
      : METHODS.includes(word) || text[word.length + 1] === '/' || text.length === word.length + 1;
  if (!isMethod) return 'other';
  return bytes.length > MAX_HEAD_BYTES ? 'http' : 'unclear';
}

/** What came of some bytes. */
export interface Guarded {
  /** What may go on to the upstream. */
  readonly pass: Buffer;
  /** Why nothing more may. */
  readonly refusal?: Refusal;
}

/** What the bytes that are held begin; `untouched`: what comes is no request any more. */
type State =
  | 'opening'
  | 'tls'
  | 'long-word'
  | 'head'
  | 'body'
  | 'chunk-line'
  | 'chunk'
  | 'trailer'
  | 'untouched'
  | 'refused';

/** How many of the bytes held may pass now, and the state after them; `more`: further bytes must come first. */
type Step = { readonly pass: number; readonly next: State } | { readonly refusal: Refusal } | 'more';

/**
 * Follows what an application sends, and refuses requests that other people's web pages made. Every request of a kept
 * connection is looked at, since browsers use connections again. What is not HTTP passes as it is.
 */
export class RequestGuard {
  readonly #rules: PageRules;
  readonly #localAddress: string | undefined;
  #state: State = 'opening';
  #held: Buffer = Buffer.alloc(0);
  /** Of a body or chunk. */
  #bytesLeft = 0;
  #refusal: Refusal | undefined;

  /** @param localAddress the IP address that the connection came to. */
  constructor(rules: PageRules, localAddress?: string) {
    this.#rules = rules;
    this.#localAddress = localAddress;
  }

  /** Takes the next bytes of the application. */
  take(bytes: Uint8Array): Guarded {
    const next = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#held = this.#held.length === 0 ? next : Buffer.concat([this.#held, next]);
    let passed = 0;
    try {
      while (passed < this.#held.length) {
        const step = this.#step(this.#held.subarray(passed));
        if (step === 'more') break;
        if ('refusal' in step) {
          this.#refuse(step.refusal);
          break;
        }
        passed += step.pass;
        this.#state = step.next;
      }
    } catch (error) {
      if (!(error instanceof RequestHeadError)) throw error;
      this.#refuse({ status: 400, reason: `The request cannot be checked: ${error.message}.` });
    }
    const pass = this.#held.subarray(0, passed);
    this.#held = this.#held.subarray(passed);
    return this.#guarded(pass);
  }

  /** Whether the first word is not complete yet. */
  get isInFirstWord(): boolean {
    return this.#state === 'opening' && isWord(this.#held);
  }

  /** To be called when nothing has followed for {@link WORD_PAUSE_MS} and {@link isInFirstWord}. */
  passWord(): Guarded {
    this.#state = 'untouched';
    return this.take(NOTHING);
  }

  /** To be called when the application has sent everything. */
  end(): Guarded {
    const pass = this.#held;
    this.#held = Buffer.alloc(0);
    // A word without a target is no request.
    const isCutShort = this.#state === 'head' || (this.#state === 'opening' && pass.includes(' '));
    if (pass.length === 0 || !isCutShort) return this.#guarded(pass);
    this.#refuse({ status: 400, reason: 'The request is cut short.' });
    return this.#guarded(pass.subarray(0, 0));
  }

  #guarded(pass: Buffer): Guarded {
    return { pass, ...(this.#refusal && { refusal: this.#refusal }) };
  }

  #refuse(refusal: Refusal): void {
    this.#refusal = refusal;
    this.#state = 'refused';
  }

  #step(bytes: Buffer): Step {
    switch (this.#state) {
      case 'opening':
        return this.#open(bytes);
      case 'tls':
        return this.#greetTls(bytes);
      case 'long-word':
        return passLongWord(bytes);
      case 'head':
        return isLineBreak(bytes) ? { pass: 1, next: 'head' } : this.#readHead(bytes);
      case 'body':
      case 'chunk':
        return this.#carryBody(bytes);
      case 'chunk-line':
        return this.#readChunkLine(bytes);
      case 'trailer':
        return this.#readTrailer(bytes);
      case 'untouched':
        return { pass: bytes.length, next: 'untouched' };
      case 'refused':
        return 'more';
    }
  }

  #open(bytes: Buffer): Step {
    // Some clients send an empty line first.
    if (isLineBreak(bytes)) return { pass: 1, next: 'opening' };
    switch (openingOf(bytes)) {
      case 'http':
        return { pass: 0, next: 'head' };
      case 'tls':
        return { pass: 0, next: 'tls' };
      case 'long-word':
        return { pass: 0, next: 'long-word' };
      case 'other':
        return { pass: bytes.length, next: 'untouched' };
      case 'unclear':
        return 'more';
    }
  }

  #greetTls(bytes: Buffer): Step {
    const hello = parseClientHello(bytes);
    if (hello === 'incomplete' && bytes.length <= MAX_HEAD_BYTES) return 'more';
    if (typeof hello === 'object') {
      const refusal = this.#rules.judgeTls(hello, this.#localAddress);
      if (refusal) return { refusal: { ...refusal, inTls: true } };
    }
    return { pass: bytes.length, next: 'untouched' };
  }

  #readHead(bytes: Buffer): Step {
    const end = endOfHead(bytes);
    if (end < 0 ? bytes.length > MAX_HEAD_BYTES : end > MAX_HEAD_BYTES)
      return {
        refusal: { status: 431, reason: `The request's head has more than ${MAX_HEAD_BYTES} bytes.` },
      };
    if (end < 0) return 'more';
    // HTTP/2 without TLS, which no browser speaks.
    if (bytes.toString('latin1', 0, HTTP_2.length) === HTTP_2)
      return { pass: bytes.length, next: 'untouched' };
    const head = parseRequestHead(bytes.subarray(0, end));
    const refusal = this.#rules.judge(head, this.#localAddress);
    if (refusal) return { refusal };
    return { pass: end, next: this.#behind(head) };
  }

  #behind(head: RequestHead): State {
    const framing = framingOf(head);
    // Nor does a browser speak HTTP/1.0, whose connections may go on as anything.
    if (framing === 'tunnel' || head.version === '1.0') return 'untouched';
    if (framing === 'chunked') return 'chunk-line';
    this.#bytesLeft = framing;
    return framing > 0 ? 'body' : 'head';
  }

  #carryBody(bytes: Buffer): Step {
    const pass = Math.min(bytes.length, this.#bytesLeft);
    this.#bytesLeft -= pass;
    const after = this.#state === 'chunk' ? 'chunk-line' : 'head';
    return { pass, next: this.#bytesLeft > 0 ? this.#state : after };
  }

  #readChunkLine(bytes: Buffer): Step {
    const end = endOfLine(bytes);
    if (end === undefined) return 'more';
    const [, digits] =
      /^([0-9a-f]{1,12})[ \t]*(?:;[^\0]*)?\r?\n$/i.exec(bytes.toString('latin1', 0, end)) ?? [];
    if (digits === undefined) throw new RequestHeadError('the size of a chunk is malformed');
    const size = parseInt(digits, 16);
    if (size === 0) return { pass: end, next: 'trailer' };
    // With the line break behind it.
    this.#bytesLeft = size + 2;
    return { pass: end, next: 'chunk' };
  }

  #readTrailer(bytes: Buffer): Step {
    const end = endOfLine(bytes);
    if (end === undefined) return 'more';
    const isLast = bytes.toString('latin1', 0, end).trim() === '';
    return { pass: end, next: isLast ? 'head' : 'trailer' };
  }
}

const HTTP_2 = 'PRI * HTTP/2.0';
const BLANK = 0x20;
const SLASH = 0x2f;
const NOTHING = Buffer.alloc(0);

/** A method would be followed by a target, which is never passed. */
function passLongWord(bytes: Buffer): Step {
  const word = bytes.toString('latin1').search(NO_TOKEN);
  if (word !== 0) return { pass: word < 0 ? bytes.length : word, next: 'long-word' };
  if (bytes[0] !== BLANK) return { pass: bytes.length, next: 'untouched' };
  if (bytes.length === 1) return 'more';
  if (bytes[1] !== SLASH) return { pass: bytes.length, next: 'untouched' };
  return { refusal: { status: 431, reason: `The request's method has more than ${LONG_WORD_BYTES} bytes.` } };
}

/** Whether these bytes, the first of a connection, are not more than one word. */
export function isWord(bytes: Buffer): boolean {
  return bytes.length > 0 && !bytes.includes(' ');
}

function isLineBreak(bytes: Buffer): boolean {
  return bytes[0] === 0x0a || bytes[0] === 0x0d;
}

/** Behind the first line; `undefined` while it is not all there. */
function endOfLine(bytes: Buffer): number | undefined {
  const end = bytes.indexOf(0x0a) + 1;
  if (end > 0) return end;
  if (bytes.length > MAX_CHUNK_LINE_BYTES) throw new RequestHeadError('the size of a chunk is malformed');
  return undefined;
}

/**
 * What two tabs say to each other over a stream: messages of one byte that tells their kind, and what follows it.
 *
 * @module
 */
import { fields } from '../demo-site.js';

/** One message. Files go one after the other: `file`, their `piece`s, and `hash` or `stop`. */
export type Word =
  /** The first one, either way: somebody is there. */
  | { readonly kind: 'hello' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly name: string; readonly size: number }
  | { readonly kind: 'piece'; readonly content: Uint8Array }
  /** All of the file is sent; SHA-256 as hex. */
  | { readonly kind: 'hash'; readonly sha256: string }
  /** The sender gives the file up. */
  | { readonly kind: 'stop' }
  /** The answer to `hash`: what arrived. */
  | { readonly kind: 'arrived'; readonly sha256: string };

/** The largest file, in bytes: the other tab holds it in memory. */
export const MAX_FILE_BYTES = 64_000_000;

/** The longest message, in bytes. */
export const MAX_WORD_BYTES = 64 * 1024;

/** Bytes of a piece of a file; what is typed meanwhile goes between two. */
export const PIECE_BYTES = 32 * 1024;

const JSON_WORD = 0;
const PIECE = 1;

export function encodeWord(word: Word): Uint8Array {
  const isPiece = word.kind === 'piece';
  const body = isPiece ? word.content : new TextEncoder().encode(JSON.stringify(word));
  const message = new Uint8Array(1 + body.length);
  message[0] = isPiece ? PIECE : JSON_WORD;
  message.set(body, 1);
  return message;
}

/** `undefined` if it is none. */
export function decodeWord(message: Uint8Array): Word | undefined {
  const body = message.slice(1);
  if (message[0] === PIECE) return { kind: 'piece', content: body };
  if (message[0] !== JSON_WORD) return undefined;
  try {
    return wordOf(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)));
  } catch {
    return undefined;
  }
}

function wordOf(value: unknown): Word | undefined {
  const { kind, text, name, size, sha256 } = fields(value);
  switch (kind) {
    case 'hello':
    case 'stop':
      return { kind };
    case 'text':
      return typeof text === 'string' ? { kind, text } : undefined;
    case 'file':
      return typeof name === 'string' && isFileSize(size) ? { kind, name, size } : undefined;
    case 'hash':
    case 'arrived':
      return typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? { kind, sha256 } : undefined;
    default:
      return undefined;
  }
}

function isFileSize(size: unknown): size is number {
  return typeof size === 'number' && Number.isInteger(size) && size >= 0 && size <= MAX_FILE_BYTES;
}

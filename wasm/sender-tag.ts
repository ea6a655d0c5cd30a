import type { AnonymousSenderTag } from '@nymproject/nym-client-wasm';
import { base58 } from '@scure/base';

const TAG_BYTES = 16;

/** wasm-bindgen keeps a borrow flag of 4 bytes in front of every Rust value it lends to JavaScript. */
const BORROW_FLAG_BYTES = 4;

/**
 * Reads a sender tag as the base58 text that `send_reply` wants, and frees it.
 *
 * The official client hands out an object without any accessor, though it asks for text itself; so the 16 bytes are
 * read from its memory, behind the pointer that wasm-bindgen keeps in the object (nym-api.md section 9).
 *
 * @throws {TypeError} if the object is not a live tag.
 */
export function takeSenderTag(memory: WebAssembly.Memory, tag: Pick<AnonymousSenderTag, 'free'>): string {
  const pointer: unknown = Reflect.get(tag, '__wbg_ptr');
  if (typeof pointer !== 'number' || pointer === 0) {
    throw new TypeError('The official client handed out a sender tag that has no pointer into its memory.');
  }
  const bytes = new Uint8Array(memory.buffer, pointer + BORROW_FLAG_BYTES, TAG_BYTES);
  const text = base58.encode(bytes);
  tag.free();
  return text;
}

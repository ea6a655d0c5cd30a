import { sha256 } from '@noble/hashes/sha2.js';

import { hex, hexDump } from '../bytes-text.js';
import { button, el, setText } from '../dom.js';
import { bytes, count } from '../format.js';
import { saveAs } from '../save-as.js';

/** A body as it comes in: text as text, anything else as its first bytes; how much, its hash, and a way to save it. */
export interface BodyView {
  readonly element: HTMLElement;
  add(chunk: Uint8Array<ArrayBuffer>): void;
  /** All is there. */
  finish(expectedHash: string | null): void;
}

const MAX_SHOWN_CHARACTERS = 100_000;
const MAX_SHOWN_BINARY_BYTES = 512;
/** What is larger can be looked at and hashed, but not saved. */
const MAX_SAVED_BYTES = 64 * 1000 * 1000;

const SHOW_EVERY_MS = 100;

/** Makes the view of one body. */
export function makeBodyView(contentType: string | null, name: string): BodyView {
  const isText =
    /^(text\/|application\/(json|javascript|xml|x-www-form-urlencoded)|[^;]+\+(json|xml)\b)/i.test(
      contentType ?? '',
    );
  const isStream = contentType?.startsWith('text/event-stream') ?? false;
  const size = el('span', {}, '0 B');
  const hash = el('span', { class: 'hash' });
  const pre = el('pre', { tabindex: 0, role: 'region', 'aria-label': 'Body', class: isText ? '' : 'hex' });
  const save = button('Save', () => saveAs(new Blob(kept, { type: contentType ?? '' }), name));
  save.disabled = true;

  const hasher = sha256.create();
  const decoder = new TextDecoder();
  let kept: Uint8Array<ArrayBuffer>[] = [];
  let head = new Uint8Array();
  let total = 0;
  let text = '';
  let shownAt = 0;

  function show() {
    setText(size, total < 1000 ? bytes(total) : `${bytes(total)} (${count(total)} bytes)`);
    const cut = text.length > MAX_SHOWN_CHARACTERS;
    const shown = isText ? text.slice(0, MAX_SHOWN_CHARACTERS) : hexDump(head);
    const more = isText ? (cut ? '\n… the rest is not shown' : '') : total > head.length ? '\n…' : '';
    setText(pre, shown + more);
    if (isStream) pre.scrollTop = pre.scrollHeight;
    shownAt = performance.now();
  }

  return {
    element: el('div', { class: 'body' }, el('p', { class: 'facts' }, size, hash, save), pre),
    add(chunk) {
      total += chunk.length;
      hasher.update(chunk);
      if (total <= MAX_SAVED_BYTES) kept.push(chunk);
      else kept = [];
      if (isText && text.length <= MAX_SHOWN_CHARACTERS) text += decoder.decode(chunk, { stream: true });
      if (!isText && head.length < MAX_SHOWN_BINARY_BYTES) {
        head = Uint8Array.from([...head, ...chunk.subarray(0, MAX_SHOWN_BINARY_BYTES - head.length)]);
      }
      if (performance.now() - shownAt >= SHOW_EVERY_MS) show();
    },
    finish(expected) {
      if (isText && text.length <= MAX_SHOWN_CHARACTERS) text += decoder.decode();
      show();
      const found = hex(hasher.digest());
      const verdict =
        expected === null ? '' : expected === found ? ', as the service says' : ', NOT what the service says';
      setText(hash, `sha-256 ${found.slice(0, 16)}…${verdict}`);
      hash.title = found;
      hash.classList.toggle('wrong', expected !== null && expected !== found);
      save.disabled = total === 0 || kept.length === 0;
      if (total === 0) setText(pre, '(no body)');
    },
  };
}

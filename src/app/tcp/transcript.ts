import { hexDump, visibleText } from '../bytes-text.js';
import { el } from '../dom.js';

type Side = 'sent' | 'received';

/** What went over a connection, in order; the oldest goes when it gets too much. */
export interface Transcript {
  readonly element: HTMLElement;
  add(side: Side, content: Uint8Array): void;
  note(text: string): void;
  clear(): void;
  hex: boolean;
}

/** Bytes of one side that come one after the other stand in one block up to this size. */
const MAX_BLOCK_BYTES = 4 * 1024;
const MAX_BLOCKS = 200;

interface Block {
  readonly side: Side;
  content: Uint8Array;
  readonly text: HTMLElement;
}

const NAMES: Readonly<Record<Side, string>> = { sent: 'sent', received: 'received' };

/** Makes it, empty. */
export function makeTranscript(label: string): Transcript {
  const element = el('div', { class: 'transcript', role: 'log', 'aria-label': label, tabindex: 0 });
  let blocks: Block[] = [];
  let last: Block | undefined;
  let hex = false;

  const append = (row: HTMLElement) => {
    const follows = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
    element.append(row);
    while (element.childElementCount > MAX_BLOCKS) element.firstElementChild?.remove();
    blocks = blocks.slice(-MAX_BLOCKS);
    if (follows) element.scrollTop = element.scrollHeight;
  };
  const render = ({ content, text }: Block) => {
    const follows = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
    text.replaceChildren(...(hex ? [hexDump(content)] : textNodes(content)));
    if (follows) element.scrollTop = element.scrollHeight;
  };

  return {
    element,
    add(side, content) {
      for (let at = 0; at < content.length;) {
        if (last?.side !== side || last.content.length >= MAX_BLOCK_BYTES) {
          const text = el('pre');
          last = { side, content: new Uint8Array(), text };
          blocks.push(last);
          append(
            el('div', { class: side }, el('span', { class: 'visually-hidden' }, `${NAMES[side]}: `), text),
          );
        }
        const part = content.subarray(at, at + MAX_BLOCK_BYTES - last.content.length);
        last.content = joined(last.content, part);
        render(last);
        at += part.length;
      }
    },
    note(text) {
      last = undefined;
      append(el('p', { class: 'note' }, text));
    },
    clear() {
      blocks = [];
      last = undefined;
      element.replaceChildren();
    },
    get hex() {
      return hex;
    },
    set hex(on) {
      hex = on;
      blocks.forEach(render);
    },
  };
}

function textNodes(content: Uint8Array): (string | HTMLElement)[] {
  return visibleText(content).map(({ text, escape }) =>
    escape ? el('span', { class: 'escape' }, text) : text,
  );
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

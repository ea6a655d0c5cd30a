import { el } from '../dom.js';
import { clock } from '../format.js';

type Kind = 'sent' | 'received' | 'note';

/** Messages as they come, with times; the oldest go when there are too many. */
export interface MessageList {
  readonly element: HTMLElement;
  add(kind: Kind, text: string, label?: string): void;
  /** Something that goes on changing in its place. */
  put(kind: Kind, content: HTMLElement): void;
}

const MAX_MESSAGES = 200;
const MAX_CHARACTERS = 4_000;

const SPOKEN: Readonly<Record<Kind, string>> = { sent: 'sent: ', received: 'received: ', note: '' };

/** Makes the list, empty. */
export function makeMessageList(label: string): MessageList {
  const element = el('div', { class: 'transcript messages', role: 'log', 'aria-label': label, tabindex: 0 });
  const append = (kind: Kind, ...content: HTMLElement[]) => {
    const follows = element.scrollHeight - element.scrollTop - element.clientHeight < 40;
    const time = el('time', {}, clock(new Date()));
    element.append(
      el('div', { class: kind }, time, el('span', { class: 'visually-hidden' }, SPOKEN[kind]), ...content),
    );
    while (element.childElementCount > MAX_MESSAGES) element.firstElementChild?.remove();
    if (follows) element.scrollTop = element.scrollHeight;
  };
  return {
    element,
    add(kind, text, about) {
      const shown = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text;
      const content = el('span', { class: 'content' }, shown);
      if (about === undefined) append(kind, content);
      else append(kind, el('span', { class: 'about' }, about), content);
    },
    put: append,
  };
}

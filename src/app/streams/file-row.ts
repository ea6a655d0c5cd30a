import { button, el, setText } from '../dom.js';
import { bytes } from '../format.js';
import { saveAs } from '../save-as.js';
import type { FileEvents } from './talk.js';

/** A file on its way, as a row of the conversation. */
export interface FileRow {
  readonly element: HTMLElement;
  readonly events: FileEvents;
}

/**
 * Makes the row.
 *
 * @param stop gives the file up, if it can be.
 */
export function makeFileRow(name: string, size: number, stop?: () => void): FileRow {
  // At the size 0 there is nothing to wait for.
  const bar = el('progress', { max: Math.max(size, 1), value: 0, 'aria-label': `Progress of ${name}` });
  const state = el('span', { class: 'about' }, `0 B of ${bytes(size)}`);
  const hash = el('span', { class: 'about hash' });
  const act = el('span', { class: 'act' });
  if (stop) act.append(button('Stop', stop, 'chip'));
  const element = el(
    'div',
    { class: 'content file' },
    el('span', { class: 'name' }, name),
    act,
    bar,
    state,
    hash,
  );

  return {
    element,
    events: {
      progress(count) {
        bar.value = count;
        setText(state, `${bytes(count)} of ${bytes(size)}`);
      },
      arrived({ sent, received }, content) {
        const same = sent === received;
        bar.value = bar.max;
        setText(state, same ? `${bytes(size)}, all arrived` : `${bytes(size)}, but not what was sent`);
        setText(hash, `sha-256 ${received.slice(0, 16)}… ${same ? 'at both ends' : 'is NOT the sender’s'}`);
        hash.title = received;
        hash.classList.toggle('wrong', !same);
        act.replaceChildren();
        if (content) act.append(button('Save', () => saveAs(content, name), 'chip'));
      },
      stopped(by) {
        setText(state, STOPPED[by]);
        element.classList.add('stopped');
        act.replaceChildren();
      },
    },
  };
}

const STOPPED = {
  us: 'You stopped it, or it cannot be read.',
  peer: 'The sender stopped it.',
  end: 'The conversation ended before all of it arrived.',
} as const;

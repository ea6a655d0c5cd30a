import type { MixnetStream } from '../../browser/index.js';
import { button, el, field, setText } from '../dom.js';
import { bytes } from '../format.js';
import { makeMessageList } from '../messages/message-list.js';
import { endText } from './end-text.js';
import { makeFileRow } from './file-row.js';
import { Talk } from './talk.js';
import { MAX_FILE_BYTES } from './word.js';

/** The conversation, one at a time: what was said, and what to say. */
export interface Conversation {
  readonly element: HTMLElement;
  /** Whether there is one, if only one that is being opened or ended. */
  readonly on: boolean;
  /** Begins one over a stream that this tab has opened, or the other one. */
  begin(stream: MixnetStream, by: 'us' | 'peer'): void;
  /** Says what there is to wait for while there is none. */
  wait(text: string): void;
}

/** A JSON text of so many characters is well below the longest message. */
const MAX_CHARACTERS = 4_000;

/** Makes the card; `onChange` is called when a conversation begins or is over. */
export function conversation(onChange: () => void): Conversation {
  const list = makeMessageList('Conversation');
  const state = el('p', { role: 'status', class: 'talk-state' });
  let talk: Talk | undefined;
  let phase: 'none' | 'opening' | 'open' | 'ending' = 'none';
  let idle = '';

  const text = el('input', { type: 'text', maxlength: MAX_CHARACTERS, autocomplete: 'off' });
  const send = el('button', { type: 'submit', class: 'plain' }, 'Send');
  const typing = el('form', { class: 'typing', 'aria-label': 'Say something' }, field('Message', text), send);
  typing.addEventListener('submit', (event) => {
    event.preventDefault();
    if (phase !== 'open' || text.value === '') return;
    talk?.say(text.value);
    list.add('sent', text.value);
    text.value = '';
  });

  const files = el('input', { type: 'file', multiple: true });
  files.addEventListener('change', () => {
    sendFiles(files.files);
    // So that the same one can be chosen again.
    files.value = '';
  });
  const end = button('End', () => finish());

  const element = el(
    'section',
    { class: 'card conversation', 'aria-labelledby': 'conversation' },
    el('div', { class: 'heading' }, el('h2', { id: 'conversation' }, 'Conversation'), state, end),
    list.element,
    typing,
    field('Send a file, or drop it here', files, `Up to ${bytes(MAX_FILE_BYTES)} each.`),
  );
  element.addEventListener('dragover', (event) => {
    // Otherwise the browser would open what is dropped in place of the page.
    event.preventDefault();
    element.classList.toggle('dropping', phase === 'open');
  });
  element.addEventListener('dragleave', () => element.classList.remove('dropping'));
  element.addEventListener('drop', (event) => {
    event.preventDefault();
    element.classList.remove('dropping');
    sendFiles(event.dataTransfer?.files);
  });

  function sendFiles(chosen: FileList | null | undefined) {
    if (phase !== 'open' || !talk) return;
    for (const file of chosen ?? []) {
      if (file.size > MAX_FILE_BYTES) {
        list.add('note', `${file.name} is larger than ${bytes(MAX_FILE_BYTES)}.`);
        continue;
      }
      const stop = new AbortController();
      const row = makeFileRow(file.name, file.size, () => stop.abort());
      list.put('sent', row.element);
      talk.sendFile(file, row.events, stop.signal);
    }
  }

  function begin(stream: MixnetStream, by: 'us' | 'peer') {
    phase = 'opening';
    list.add('note', by === 'us' ? 'Opening a stream…' : 'The other tab has opened a stream.');
    const startedAt = performance.now();
    const made = new Talk(stream, {
      heard() {
        if (phase !== 'opening') return;
        phase = 'open';
        const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
        list.add('note', by === 'us' ? `The other tab has answered, after ${seconds} s.` : 'You can talk.');
        show();
        // Who has called is about to speak; who is called may be typing elsewhere.
        if (by === 'us') text.focus();
      },
      text: (said) => list.add('received', said),
      file(name, size) {
        const row = makeFileRow(name, size);
        list.put('received', row.element);
        return row.events;
      },
      ended() {
        if (phase === 'ending') return;
        list.add('note', 'The other tab has ended the conversation.');
        phase = 'ending';
        made.end();
        show();
      },
      closed(error) {
        talk = undefined;
        phase = 'none';
        list.add('note', endText(error));
        show();
        onChange();
      },
    });
    talk = made;
    show();
    onChange();
  }

  function finish() {
    if (phase !== 'open') {
      talk?.drop();
      return;
    }
    phase = 'ending';
    talk?.end();
    list.add('note', 'You have ended the conversation.');
    show();
  }

  function show() {
    setText(state, phase === 'none' ? idle : PHASES[phase]);
    text.disabled = phase !== 'open';
    send.disabled = phase !== 'open';
    files.disabled = phase !== 'open';
    end.disabled = phase === 'none';
    setText(end, phase === 'opening' || phase === 'ending' ? 'Give up' : 'End');
    const focused = document.activeElement;
    if (focused?.matches(':disabled') === true && element.contains(focused)) list.element.focus();
  }

  show();
  return {
    element,
    get on() {
      return phase !== 'none';
    },
    begin,
    wait(what) {
      idle = what;
      show();
    },
  };
}

const PHASES = {
  opening: 'Waiting for the other tab to answer…',
  open: 'Open, both ways.',
  ending: 'Ending: what was said is still on its way…',
} as const;

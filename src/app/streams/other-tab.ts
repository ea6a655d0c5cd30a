import { parseNymAddress } from '../../browser/index.js';
import { sentence } from '../connect/trouble.js';
import { el, field, setText } from '../dom.js';
import { messageOf } from '../format.js';

/** Whom to talk to. */
export interface OtherTab {
  readonly element: HTMLElement;
  value: string;
  /** Whether there is a client to open a stream with, and no conversation. */
  enabled: boolean;
  blame(trouble: string): void;
}

/** Makes the card; `talk` is called with an address that can be one. */
export function otherTab(talk: (address: string) => void): OtherTab {
  const input = el('textarea', {
    rows: 3,
    required: true,
    spellcheck: 'false',
    autocapitalize: 'off',
    autocomplete: 'off',
    class: 'mono',
    placeholder: 'IDENTITY.ENCRYPTION@GATEWAY',
  });
  const submit = el('button', { type: 'submit', class: 'primary' }, 'Start talking');
  const trouble = el('p', { class: 'trouble', role: 'status' });
  const form = el(
    'form',
    { 'aria-label': 'Talk to another tab' },
    field('Nym address of the other tab', input, 'Or wait: the other tab can start as well.'),
    trouble,
    el('div', { class: 'actions' }, submit),
  );
  const blame = (text: string) => {
    setText(trouble, text);
    input.setAttribute('aria-invalid', String(text !== ''));
  };
  input.addEventListener('input', () => blame(''));
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    form.requestSubmit(submit);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    try {
      parseNymAddress(input.value.trim());
    } catch (error) {
      blame(sentence(messageOf(error)));
      input.focus();
      return;
    }
    blame('');
    talk(input.value.trim());
  });
  submit.disabled = true;

  return {
    element: el(
      'section',
      { class: 'card', 'aria-labelledby': 'other-tab' },
      el('h2', { id: 'other-tab' }, 'The other tab'),
      form,
    ),
    get value() {
      return input.value.trim();
    },
    set value(address) {
      input.value = address;
      blame('');
    },
    get enabled() {
      return !submit.disabled;
    },
    set enabled(on) {
      submit.disabled = !on;
    },
    blame,
  };
}

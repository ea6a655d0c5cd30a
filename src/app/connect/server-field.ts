import { el, field, setText } from '../dom.js';
import { shortAddress } from '../format.js';

/** The Nym address of the server, and those used before. */
export interface ServerField {
  readonly element: HTMLElement;
  value: string;
  /** Offers them; none hides the offer. */
  offer(addresses: readonly string[]): void;
  /** Shows what is wrong with the address, and takes the focus there; `undefined` for nothing. */
  blame(trouble: string | undefined): void;
}

/** Makes the field. */
export function serverField(): ServerField {
  const input = el('textarea', {
    rows: 3,
    required: true,
    spellcheck: 'false',
    autocapitalize: 'off',
    autocomplete: 'off',
    class: 'mono',
    placeholder: 'IDENTITY.ENCRYPTION@GATEWAY',
  });
  const trouble = el('p', { class: 'trouble', id: 'server-trouble' });
  trouble.hidden = true;
  const earlier = el('select');
  const offer = field('Used before', earlier);
  offer.classList.add('inline');
  earlier.addEventListener('change', () => {
    input.value = earlier.value;
    blame(undefined);
  });
  input.addEventListener('input', () => blame(undefined));
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    input.form?.requestSubmit();
  });

  function blame(text: string | undefined) {
    trouble.hidden = text === undefined;
    setText(trouble, text ?? '');
    input.setAttribute('aria-invalid', String(text !== undefined));
    input.setAttribute('aria-describedby', text === undefined ? `${input.id}-hint` : trouble.id);
    if (text !== undefined) input.focus();
  }

  const whole = field('Address of the server', input, 'The server prints it when it starts.');
  whole.append(trouble, offer);
  offer.hidden = true;

  return {
    element: whole,
    get value() {
      return input.value.trim();
    },
    set value(address) {
      input.value = address;
      blame(undefined);
    },
    offer(addresses) {
      offer.hidden = addresses.length < 2;
      earlier.replaceChildren(...addresses.map((value) => el('option', { value }, shortAddress(value))));
      earlier.value = input.value;
    },
    blame,
  };
}

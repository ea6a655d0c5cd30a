import { button, el } from '../dom.js';
import { iconButton } from '../icons.js';

type Header = readonly [name: string, value: string];

/** The rows of a request's headers, of which there can be any number. */
export interface HeaderRows {
  readonly element: HTMLElement;
  /** Those with a name. */
  value: readonly Header[];
}

/** Makes them, with none. */
export function headerRows(): HeaderRows {
  const rows = el('div', { class: 'rows' });
  const add = (name = '', value = '') => {
    const input = (label: string, content: string) => {
      return el('input', {
        type: 'text',
        'aria-label': label,
        value: content,
        class: 'mono',
        autocomplete: 'off',
        spellcheck: 'false',
      });
    };
    const remove = iconButton('stop', 'Remove the header', () => {
      row.remove();
      more.focus();
    });
    const row = el('div', { class: 'row' }, input('Header name', name), input('Header value', value), remove);
    rows.append(row);
    return row;
  };
  const more = button('Add a header', () => add().querySelector('input')?.focus(), 'link');
  return {
    element: el('div', { class: 'headers', role: 'group', 'aria-label': 'Headers' }, rows, more),
    get value() {
      return [...rows.children].flatMap((row): Header[] => {
        const [name, value] = row.querySelectorAll('input');
        return name && value && name.value.trim() !== '' ? [[name.value.trim(), value.value]] : [];
      });
    },
    set value(headers) {
      rows.replaceChildren();
      for (const [name, value] of headers) add(name, value);
    },
  };
}

import type { FetchExample } from '../demo-examples.js';
import { button, el, field } from '../dom.js';
import { headerRows } from './header-rows.js';

/** A request as it was filled in. */
export type RequestDraft = Omit<FetchExample, 'label'>;

export interface RequestForm {
  readonly element: HTMLElement;
  /** While a request runs, its button ends it. */
  busy: boolean;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** Makes the form. */
export function requestForm(
  examples: readonly FetchExample[],
  onSend: (draft: RequestDraft) => void,
  onAbort: () => void,
): RequestForm {
  const method = el('select', {}, ...METHODS.map((name) => el('option', { value: name }, name)));
  const path = el('input', {
    type: 'text',
    value: '/',
    required: true,
    class: 'mono',
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
  });
  const headers = headerRows();
  const body = el('textarea', { rows: 2, class: 'mono', spellcheck: 'false' });
  const bodyField = field('Body', body);
  const send = el('button', { type: 'submit', class: 'primary' }, 'Fetch');
  const element = el(
    'form',
    { class: 'request', 'aria-label': 'Request' },
    el('div', { class: 'line' }, field('Method', method), field('Path', path), send),
    headers.element,
    bodyField,
  );
  let busy = false;

  const showBody = () => (bodyField.hidden = method.value === 'GET' || method.value === 'HEAD');
  method.addEventListener('change', showBody);
  showBody();

  const draft = (): RequestDraft => ({
    method: method.value,
    path: path.value,
    headers: headers.value,
    body: bodyField.hidden ? '' : body.value,
  });
  element.addEventListener('submit', (event) => {
    event.preventDefault();
    if (busy) onAbort();
    else onSend(draft());
  });

  const fill = (example: FetchExample) => {
    method.value = example.method;
    path.value = example.path;
    headers.value = example.headers;
    body.value = example.body;
    showBody();
    if (!busy) onSend(draft());
  };
  if (examples.length > 0) {
    const chips = examples.map((example) => button(example.label, () => fill(example), 'chip'));
    element.append(el('div', { class: 'examples', role: 'group', 'aria-label': 'Examples' }, ...chips));
  }
  return {
    element,
    get busy() {
      return busy;
    },
    set busy(on) {
      busy = on;
      send.textContent = on ? 'Abort' : 'Fetch';
      send.className = on ? 'plain' : 'primary';
    },
  };
}

import { failureBox } from '../connect/failure.js';
import { networkFields, type NetworkFields } from '../connect/network-fields.js';
import { explain } from '../connect/trouble.js';
import type { DemoSite } from '../demo-site.js';
import { button, el, setText } from '../dom.js';
import type { Settings } from '../settings.js';

/** This tab's own mixnet client: how to start it, then its Nym address. */
export interface ThisTab {
  readonly element: HTMLElement;
  readonly network: Pick<NetworkFields, 'kind' | 'envText'>;
  show(state: 'off' | 'starting'): void;
  /** Shows the address, which may be another one after the mixnet client was lost. */
  showAddress(address: string): void;
  fail(error: unknown): void;
  focus(): void;
}

export interface ThisTabEvents {
  connect(): void;
  cancel(): void;
}

/** Makes the card. `invited` says that the button leads to a conversation at once. */
export function thisTab(
  site: DemoSite | undefined,
  settings: Settings,
  invited: boolean,
  events: ThisTabEvents,
): ThisTab {
  const label = invited ? 'Connect and talk' : 'Connect';
  const failure = failureBox();
  const network = networkFields(site, () => undefined);
  network.envText = settings.envText;
  if (settings.network !== undefined) network.kind = settings.network;
  const fields = el('fieldset', { class: 'bare' }, network.element);
  const submit = el('button', { type: 'submit', class: 'primary big' }, label);
  const form = el('form', { 'aria-label': 'Connect' }, fields, submit);
  let starting = false;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    failure.hide();
    if (starting) events.cancel();
    else events.connect();
  });

  const code = el('code', { class: 'address', 'aria-label': 'Nym address of this tab' });
  const link = el('a', { target: '_blank', rel: 'noopener', class: 'button' }, 'Open the other tab');
  const said = el('span', { role: 'status', class: 'hint' });
  const copy = (what: string, text: () => string) =>
    button(`Copy ${what}`, () => {
      navigator.clipboard.writeText(text()).then(
        () => setText(said, `The ${what} is copied.`),
        () => setText(said, 'This browser does not let the page copy: select it by hand.'),
      );
    });
  const connected = el(
    'div',
    { class: 'connected' },
    el('p', { class: 'label' }, 'Nym address of this tab'),
    code,
    el(
      'div',
      { class: 'actions' },
      link,
      copy('address', () => code.textContent),
      copy('link', () => link.href),
    ),
    el('p', { class: 'hint' }, CONNECTED_HINT),
    said,
  );
  connected.hidden = true;

  return {
    element: el(
      'section',
      { class: 'card', 'aria-labelledby': 'this-tab' },
      el('h2', { id: 'this-tab' }, 'This tab'),
      failure.element,
      form,
      connected,
    ),
    network,
    show(state) {
      starting = state === 'starting';
      fields.disabled = starting;
      submit.textContent = starting ? 'Cancel' : label;
      submit.classList.toggle('primary', !starting);
      form.hidden = false;
      connected.hidden = true;
    },
    showAddress(address) {
      setText(code, address);
      link.href = `#${address}`;
      form.hidden = true;
      connected.hidden = false;
    },
    fail(error) {
      const { title, message } = explain(error, false);
      failure.show(title, message, []);
    },
    focus: () => (connected.hidden ? submit.focus() : link.focus()),
  };
}

const CONNECTED_HINT =
  'Whoever has it can open a stream to this tab. It is thrown away when you disconnect or close the tab.';

import { forgetIdentity } from '../../browser/index.js';
import { forgetServiceWorker } from '../browse/worker.js';
import { button, el, setText } from '../dom.js';
import { messageOf } from '../format.js';
import { forgetSettings, type NetworkKind } from '../settings.js';
import { clientIdOf } from './request.js';

const KINDS: readonly NetworkKind[] = ['localnet', 'mainnet', 'env'];

/** A button that deletes all the page keeps in this browser, after asking. */
export function forgetEverything(onForgotten: () => void): HTMLElement {
  const trouble = el('p', { class: 'trouble', role: 'status' });
  const dialog = el('dialog', { 'aria-labelledby': 'forget-title', 'aria-describedby': 'forget-text' });
  const forget = button('Forget everything', () => void run(), 'danger');
  const cancel = button('Keep it', () => dialog.close());

  async function run() {
    forget.disabled = true;
    setText(trouble, '');
    try {
      for (const kind of KINDS) await forgetIdentity(clientIdOf(kind));
      await forgetSettings();
      await forgetServiceWorker();
      dialog.close();
      onForgotten();
    } catch (error) {
      setText(trouble, messageOf(error));
    } finally {
      forget.disabled = false;
    }
  }

  dialog.append(
    el('h2', { id: 'forget-title' }, 'Forget everything?'),
    el(
      'p',
      { id: 'forget-text' },
      'Deletes the keys, the Nym address, the remembered gateway and servers, and the settings of this page in this browser. The next connection has a new Nym address.',
    ),
    trouble,
    el('div', { class: 'actions' }, forget, cancel),
  );
  return el(
    'div',
    { class: 'forget' },
    button('Forget everything kept in this browser', () => dialog.showModal(), 'link'),
    dialog,
  );
}

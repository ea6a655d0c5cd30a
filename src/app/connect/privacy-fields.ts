import type { TrafficProfile } from '../../browser/index.js';
import { choice, el, field, setText, uniqueId } from '../dom.js';

/** How much the client hides of its own traffic, and what it keeps in this browser. */
export interface PrivacyFields {
  readonly element: HTMLElement;
  traffic: TrafficProfile;
  keepIdentity: boolean;
  readonly passphrase: string;
  /** Unfolds the fields and goes to the passphrase. */
  focusPassphrase(): void;
}

const NAMES: Readonly<Record<TrafficProfile, string>> = { default: 'steady', bulk: 'bulk', fast: 'fast' };

/** Makes the fields, folded. */
export function privacyFields(onTraffic: (traffic: TrafficProfile) => void): PrivacyFields {
  const traffic = choice<TrafficProfile>(
    'Traffic',
    [
      {
        value: 'default',
        label: 'Steady',
        hint: 'Packets and decoys leave in one even stream. Who watches your line learns that you use Nym, not when or how much. Up to 80 kB/s; takes a third of a processor core all the time.',
      },
      {
        value: 'bulk',
        label: 'Bulk',
        hint: 'The same with packets of 32 KB as well. Few people send those, so who watches your line may guess that you move much data. Up to 1.6 MB/s.',
      },
      {
        value: 'fast',
        label: 'Fast',
        hint: 'No decoys, no waiting. Who watches your line sees when and how much you send, and who watches both ends can match them.',
      },
    ],
    (value) => {
      show();
      onTraffic(value);
    },
  );

  const keep = el('input', { type: 'checkbox', id: uniqueId('keep') });
  keep.setAttribute('aria-describedby', `${keep.id}-hint`);
  keep.addEventListener('change', () => show());
  const hint =
    'The next visit starts faster, under the same Nym address, and other tabs share it. Your gateway sees the same client come back. Otherwise the keys are deleted at the end, and Browse does not work: its service worker finds this page by its identity.';
  const keeping = el(
    'div',
    { class: 'option' },
    keep,
    el('label', { for: keep.id }, 'Keep my identity in this browser'),
    el('p', { class: 'hint', id: `${keep.id}-hint` }, hint),
  );
  const secret = el('input', { type: 'password', autocomplete: 'off' });
  const passphrase = field(
    'Passphrase for the keys (optional)',
    secret,
    'Encrypts them in this browser. Give it at every visit or never; nobody can restore it.',
  );

  const summary = el('span', { class: 'chosen' });
  const element = el(
    'details',
    { class: 'privacy' },
    el('summary', {}, 'Traffic and identity ', summary),
    traffic.element,
    el('fieldset', { class: 'choice' }, el('legend', {}, 'Identity'), keeping, passphrase),
  );
  const show = () => {
    passphrase.hidden = !keep.checked;
    setText(summary, `${NAMES[traffic.value]} traffic, identity ${keep.checked ? 'kept' : 'thrown away'}`);
  };
  show();

  return {
    element,
    get traffic() {
      return traffic.value;
    },
    set traffic(value) {
      traffic.value = value;
      show();
    },
    get keepIdentity() {
      return keep.checked;
    },
    set keepIdentity(value) {
      keep.checked = value;
      show();
    },
    get passphrase() {
      return keep.checked ? secret.value : '';
    },
    focusPassphrase() {
      element.open = true;
      secret.focus();
    },
  };
}

import type { DemoSite } from '../demo-site.js';
import { el } from '../dom.js';
import type { NetworkKind, Settings } from '../settings.js';
import { networkFields } from './network-fields.js';
import { privacyFields } from './privacy-fields.js';
import type { ConnectRequest } from './request.js';
import { serverField } from './server-field.js';

/** The form in front of everything else. */
export interface ConnectForm {
  readonly element: HTMLFormElement;
  /** As it is filled in now. */
  readonly request: ConnectRequest;
  /** What the user chose, beside the servers. */
  readonly traffic: Settings['traffic'];
  /** Locks it while a client starts. */
  busy: boolean;
  blameAddress(trouble: string): void;
  focusPassphrase(): void;
  focusButton(): void;
}

export interface ConnectFormEvents {
  connect(): void;
  cancel(): void;
}

/** Makes the form, filled in with what is remembered and what the site says. */
export function connectForm(
  site: DemoSite | undefined,
  settings: Settings,
  events: ConnectFormEvents,
): ConnectForm {
  const chosenTraffic = { ...settings.traffic };
  /** What was typed for a network is still there when one comes back to it. */
  const typed: Partial<Record<NetworkKind, string>> = {};
  let shown: NetworkKind;

  const server = serverField();
  const privacy = privacyFields((traffic) => (chosenTraffic[network.kind] = traffic));
  const network = networkFields(site, (kind) => {
    typed[shown] = server.value;
    showFor(kind);
  });
  const submit = el('button', { type: 'submit', class: 'primary big' }, 'Connect');
  const fields = el('fieldset', { class: 'bare' }, network.element, server.element, privacy.element);
  const element = el('form', { class: 'card', 'aria-label': 'Connect' }, fields, submit);

  let busy = false;
  element.addEventListener('submit', (event) => {
    event.preventDefault();
    if (busy) events.cancel();
    else events.connect();
  });

  function showFor(kind: NetworkKind) {
    shown = kind;
    const earlier = settings.servers[kind];
    const own = kind === 'localnet' && site ? [site.serverAddress] : [];
    server.value = typed[kind] ?? own[0] ?? earlier[0] ?? '';
    server.offer(kind === 'localnet' ? own : earlier);
    privacy.traffic = chosenTraffic[kind] ?? (kind === 'localnet' ? (site?.traffic ?? 'fast') : 'default');
  }

  network.envText = settings.envText;
  if (settings.network !== undefined) network.kind = settings.network;
  privacy.keepIdentity = settings.keepIdentity;
  showFor(network.kind);

  return {
    element,
    get request() {
      return {
        kind: network.kind,
        envText: network.envText,
        serverAddress: server.value,
        traffic: privacy.traffic,
        keepIdentity: privacy.keepIdentity,
        passphrase: privacy.passphrase,
      };
    },
    traffic: chosenTraffic,
    get busy() {
      return busy;
    },
    set busy(value) {
      busy = value;
      fields.disabled = value;
      element.noValidate = value;
      submit.textContent = value ? 'Cancel' : 'Connect';
      submit.classList.toggle('primary', !value);
    },
    blameAddress: (trouble) => server.blame(trouble),
    focusPassphrase: () => privacy.focusPassphrase(),
    focusButton: () => submit.focus(),
  };
}

import type { DemoSite } from '../demo-site.js';
import { choice, el, field, type ChoiceOption } from '../dom.js';
import type { NetworkKind } from '../settings.js';

/** Which network: the localnet beside this page, mainnet, or what an env file names. */
export interface NetworkFields {
  readonly element: HTMLElement;
  kind: NetworkKind;
  envText: string;
}

/** An env file has a few lines. */
const MAX_ENV_BYTES = 64 * 1024;

const MAINNET_OPTION: ChoiceOption<NetworkKind> = {
  value: 'mainnet',
  label: 'Mainnet',
  hint: 'The public Nym network.',
};
const ENV_OPTION: ChoiceOption<NetworkKind> = {
  value: 'env',
  label: 'Another, by its env file',
  hint: 'The file names the directory: NYM_API=…',
};

/** Makes the fields; a localnet, where there is one, is chosen. */
export function networkFields(
  site: DemoSite | undefined,
  onChange: (kind: NetworkKind) => void,
): NetworkFields {
  const text = el('textarea', {
    rows: 3,
    spellcheck: 'false',
    class: 'mono',
    placeholder: 'NYM_API=https://…/api/',
  });
  const file = el('input', { type: 'file', accept: '.env,text/plain' });
  file.addEventListener('change', () => {
    const [chosen] = file.files ?? [];
    if (chosen && chosen.size <= MAX_ENV_BYTES) void chosen.text().then((content) => (text.value = content));
  });
  const env = el('div', { class: 'env' }, field('Env file’s text', text), field('or the file', file));

  const options = optionsFor(site);
  const networks = choice<NetworkKind>('Network', options, (kind) => {
    show();
    onChange(kind);
  });
  const show = () => (env.hidden = networks.value !== 'env');
  show();

  return {
    element: el('div', {}, networks.element, env),
    get kind() {
      return networks.value;
    },
    set kind(kind) {
      if (options.every(({ value }) => value !== kind)) return;
      networks.value = kind;
      show();
    },
    get envText() {
      return text.value;
    },
    set envText(content) {
      text.value = content;
    },
  };
}

function optionsFor(site: DemoSite | undefined): [ChoiceOption<NetworkKind>, ...ChoiceOption<NetworkKind>[]] {
  if (!site) return [MAINNET_OPTION, ENV_OPTION];
  const localnet: ChoiceOption<NetworkKind> = {
    value: 'localnet',
    label: `The ${site.network.name} on this machine`,
    hint: `Found at ${new URL(site.network.apiUrl).host}. It shows the way and hides nothing.`,
  };
  return [localnet, MAINNET_OPTION, ENV_OPTION];
}

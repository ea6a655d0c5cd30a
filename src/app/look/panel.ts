import type { TunnelSnapshot } from '../../browser/index.js';
import type { Connection } from '../connect/view.js';
import type { DemoSite } from '../demo-site.js';
import { button, el, setText } from '../dom.js';
import { duration, shortAddress } from '../format.js';
import { askLocalnet, type LocalnetNode } from './localnet-nodes.js';
import { makeNumbers } from './numbers.js';
import { makePlot } from './plot.js';
import { makeSessionsTable } from './sessions-table.js';
import { silentSeconds, watchTunnel } from './watch.js';
import { makeWay } from './way.js';

export interface LookOptions {
  /** Ends the looking. */
  readonly signal: AbortSignal;
  /** Told for how long the server has not answered; see {@link silentSeconds}. */
  readonly onSilence: (seconds: number) => void;
}

const LOCALNET_EVERY_MS = 1_000;

/** What happens in the tunnel: the way, numbers, a plot, the sessions. */
export function lookPanel(
  connection: Connection,
  site: DemoSite | undefined,
  options: LookOptions,
): HTMLElement {
  const { client, request } = connection;
  const { signal, onSilence } = options;
  const way = makeWay();
  const numbers = makeNumbers();
  const plot = makePlot(signal);
  const sessions = makeSessionsTable();
  const own = ownAddress();
  let nodes: readonly LocalnetNode[] | undefined;

  if (request.kind === 'localnet' && site?.localnet) {
    void followLocalnet(site.network.apiUrl, signal, (latest) => (nodes = latest));
  }
  watchTunnel(client, signal, (look) => {
    const { snapshot } = look;
    numbers.show(look);
    plot.add(look);
    sessions.show(snapshot.sessions);
    own.show(client.nymAddress);
    way.show(
      {
        // While it reconnects there is no client, but it will be with the same gateway.
        ownGateway: snapshot.clients[0]?.gateway ?? client.nymAddress.split('@')[1],
        serverGateway: request.serverAddress.split('@')[1] ?? '',
        upstream: request.kind === 'localnet' && site ? site.upstream : 'the service behind it',
        nodes,
      },
      look.up + look.down > 0 || packetsWaiting(snapshot) > 0,
    );
    onSilence(silentSeconds(snapshot, Date.now()));
  });

  return el(
    'aside',
    { class: 'look', 'aria-labelledby': 'look-title' },
    el('h2', { id: 'look-title', class: 'visually-hidden' }, 'What happens'),
    el(
      'div',
      {},
      el('section', { class: 'card', 'aria-label': 'The way the packets take' }, way.element),
      el('section', { class: 'card own', 'aria-label': 'This client' }, own.element, startTimes(connection)),
    ),
    el(
      'div',
      {},
      el('section', { class: 'card', 'aria-label': 'Throughput' }, numbers.element, plot.element),
      el(
        'section',
        { class: 'card', 'aria-labelledby': 'sessions-title' },
        el('h3', { id: 'sessions-title' }, 'Sessions'),
        sessions.element,
      ),
    ),
  );
}

async function followLocalnet(
  apiUrl: string,
  signal: AbortSignal,
  onNodes: (nodes: readonly LocalnetNode[] | undefined) => void,
): Promise<void> {
  while (!signal.aborted) {
    onNodes(await askLocalnet(apiUrl, signal).catch(() => undefined));
    await new Promise((resolve) => setTimeout(resolve, LOCALNET_EVERY_MS));
  }
}

function ownAddress() {
  const text = el('code');
  let address = '';
  const copy = button('Copy', () => {
    void navigator.clipboard.writeText(address).then(
      () => setText(copy, 'Copied'),
      () => setText(copy, 'Not allowed'),
    );
  });
  return {
    element: el('p', { class: 'address' }, el('span', {}, 'Own Nym address '), text, copy),
    show(latest: string) {
      if (latest === address) return;
      address = latest;
      setText(text, latest === '' ? '…' : shortAddress(latest));
      text.title = latest;
      setText(copy, 'Copy');
    },
  };
}

const STEP_NAMES = { wasm: 'official client', keys: 'keys', gateway: 'gateway', ready: 'tunnel' } as const;

function startTimes({ progress }: Connection): HTMLElement {
  const total = progress.at(-1)?.ms ?? 0;
  if (progress.length < 2)
    return el('p', { class: 'hint' }, `Ready after ${duration(total)}; another tab was connected.`);
  const parts = progress.map(({ step, ms }, index) => {
    return `${STEP_NAMES[step]} ${duration(ms - (progress[index - 1]?.ms ?? 0))}`;
  });
  return el('p', { class: 'hint' }, `Ready after ${duration(total)}: ${parts.join(', ')}.`);
}

function packetsWaiting({ clients }: TunnelSnapshot): number {
  return clients.reduce((total, client) => total + client.packetsWaiting, 0);
}

/**
 * The demo's second page: two tabs that talk to each other over a stream, each with a mixnet client of its own, without
 * any server.
 *
 * @module
 */
import {
  MAINNET,
  networkFromEnvText,
  SessionError,
  startStreams,
  type MixnetStreams,
  type Network,
} from '../../browser/index.js';
import { sentence } from '../connect/trouble.js';
import { readDemoSite } from '../demo-site.js';
import { el } from '../dom.js';
import { messageOf } from '../format.js';
import { loadSettings } from '../settings.js';
import { makeShell } from '../shell.js';
import { conversation } from './conversation.js';
import { otherTab } from './other-tab.js';
import { thisTab } from './this-tab.js';

/** Nothing tells when the next mixnet client is there, so it is looked for so often. */
const LOOK_EVERY_MS = 500;

const [site, settings] = await Promise.all([readDemoSite(), loadSettings()]);
let streams: MixnetStreams | undefined;
let start: AbortController | undefined;

const shell = makeShell(() => void disconnect(), { href: './', label: 'The tunnel' });
const invitation = location.hash.slice(1);
const own = thisTab(site, settings, invitation !== '', {
  connect: () => void connect(),
  cancel: () => start?.abort(new DOMException('You cancelled it.', 'AbortError')),
});
const talk = conversation(() => show());
const other = otherTab((address) => open(address));
other.value = invitation;

shell.main.append(
  el(
    'div',
    { class: 'talk' },
    el(
      'div',
      { class: 'intro' },
      el('h1', {}, 'Two tabs talk through a mixnet'),
      el(
        'p',
        { class: 'lede' },
        'No server and no tunnel: each tab has a mixnet client and a Nym address of its own, and opens a stream to the other’s. Who is called never learns the caller’s address.',
      ),
    ),
    el('div', { class: 'ends' }, own.element, other.element),
    talk.element,
  ),
);
show();
// A link to another tab, opened in this one.
addEventListener('hashchange', () => (other.value = location.hash.slice(1)));
// The mixnet client's worker goes with the page; this may still let the other tab know.
addEventListener('pagehide', () => {
  start?.abort(new DOMException('The page was left.', 'AbortError'));
  void disconnect();
});

function network(): Network {
  const { kind, envText } = own.network;
  if (kind === 'env') return networkFromEnvText(envText, 'from the form');
  return kind === 'localnet' && site ? site.network : MAINNET;
}

async function connect(): Promise<void> {
  start = new AbortController();
  own.show('starting');
  shell.show('starting');
  try {
    const traffic = own.network.kind === 'localnet' ? site?.traffic : 'default';
    const started = await startStreams({ network: network(), traffic, signal: start.signal });
    streams = started;
    serve(started);
  } catch (error) {
    own.show('off');
    shell.show('none');
    if (!start.signal.aborted) own.fail(error);
    return;
  }
  own.focus();
  if (invitation !== '' && other.value === invitation && !talk.on) open(invitation);
}

/** Until it is disconnected. */
function serve(started: MixnetStreams): void {
  const look = () => {
    own.showAddress(started.address);
    if (started.ready) shell.show({ state: 'ready', role: 'holder', nymAddress: started.address });
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  started.on('retry', ({ error, retryMs }) =>
    shell.show({ state: 'waiting', reason: messageOf(error), retryMs }),
  );
  look();
  void accept(started).finally(() => clearInterval(timer));
  show();
}

async function accept(from: MixnetStreams): Promise<void> {
  for await (const stream of from.listen()) {
    if (talk.on) stream.reset(new SessionError('refused', 'us', 'this tab talks to somebody else'));
    else talk.begin(stream, 'peer');
  }
}

function open(address: string): void {
  if (!streams || talk.on) return;
  try {
    if (address === streams.address) other.blame('This is the address of this tab itself.');
    else talk.begin(streams.openStream(address), 'us');
  } catch (error) {
    other.blame(sentence(messageOf(error)));
  }
}

async function disconnect(): Promise<void> {
  const closing = streams;
  streams = undefined;
  await closing?.close();
  own.show('off');
  shell.show('none');
  show();
  own.focus();
}

function show(): void {
  other.enabled = streams !== undefined && !talk.on;
  talk.wait(streams ? 'None. Start one, or wait for the other tab.' : 'Connect this tab first.');
}

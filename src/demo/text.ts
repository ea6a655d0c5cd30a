/**
 * What the demo tells its user.
 *
 * @module
 */
import { DEFAULT_DIRECTORY_PORT, DEFAULT_PAGE_PORT, type DemoOptions } from './options.js';
import type { Tunnel } from './tunnel.js';

export const TITLE = 'A TCP tunnel through a mixnet, all of it on this machine.\n';

const WAY = 'you > client > gateway > mix > mix > mix > gateway > server > upstream';

/** What the profile in use means here. */
function trafficText({ traffic, sharedClient }: DemoOptions): string {
  switch (traffic) {
    case 'fast':
      return `Traffic is fast: no decoys and no delay before sending, as nobody watches here.
--traffic default hides when and how much is sent. It carries up to 80 kB/s, and
takes a third of a core for each mixnet client, of which ${sharedClient ? 'two' : 'three or more'} run here.`;
    case 'bulk':
      return `Traffic is bulk: a steady stream of packets and decoys of two sizes. It carries
less here than in a network, because one machine does everybody's work.`;
    case 'default':
      return `Traffic is default: a steady stream of packets and decoys. It carries less here
than in a network, because one machine does everybody's work.`;
  }
}

/** Where everything is, once it runs. */
export function readyText(tunnel: Tunnel, pageUrl: string, options: DemoOptions): string {
  const { localnet, server, client, upstream } = tunnel;
  const { host, port } = client.listenAddress;
  const listens = `${host}:${port}`;
  const isDemo = options.upstream === undefined;
  return [
    '',
    'Ready. Open this in a browser:',
    `  ${pageUrl}${otherPort(pageUrl, DEFAULT_PAGE_PORT, options.pagePort)}`,
    '',
    'Its tunnel begins in the page itself. For all other programs there is one more',
    'in this process. The way of every byte through it, and back:',
    `  ${WAY}`,
    '',
    `  tunnel     ${isDemo ? `http://${listens}/` : listens}`,
    `  upstream   ${isDemo ? `http://${upstream}/  (the same pages without the tunnel)` : upstream}`,
    `  directory  ${localnet.apiUrl}${otherPort(localnet.apiUrl, DEFAULT_DIRECTORY_PORT, options.directoryPort)}`,
    ...(options.envFile === undefined ? [] : [`  env file   ${options.envFile}`]),
    '  Nym address of the server:',
    server.nymAddress,
    '',
    trafficText(options),
    '',
    ...(isDemo ? demoTries(listens) : upstreamTries(listens, upstream)),
    '',
    'Ctrl-C ends it.',
    '',
  ].join('\n');
}

/** Says so if the default port was wanted and another one is used. */
function otherPort(url: string, byDefault: number, wanted: number): string {
  return wanted !== byDefault || new URL(url).port === String(wanted) ? '' : `  (port ${wanted} is in use)`;
}

function demoTries(listens: string): string[] {
  return [
    'Try:',
    `  curl http://${listens}/`,
    `  curl -o large.bin http://${listens}/large.bin`,
    `  curl http://${listens}/large.bin.sha256 | sha256sum -c`,
    `  curl -N http://${listens}/events`,
    `  curl --data hello http://${listens}/echo`,
  ];
}

function upstreamTries(listens: string, upstream: string): string[] {
  return [
    `Use ${listens} wherever you would use ${upstream}; if it speaks HTTP:`,
    `  curl http://${listens}/`,
  ];
}

/**
 * What the demo tells its user.
 *
 * @module
 */
import type { TrafficProfile } from '../index.js';
import { DEFAULT_DIRECTORY_PORT, type DemoOptions } from './demo-options.js';
import type { Tunnel } from './demo-tunnel.js';

export const TITLE = 'A TCP tunnel through a mixnet, all of it on this machine.\n';

const WAY = 'you > client > gateway > mix > mix > mix > gateway > server > upstream';

const TRAFFIC: Record<TrafficProfile, string> = {
  fast: `Traffic profile fast: no decoys and no waiting, because all runs on one machine. With
--traffic default an observer could not see when and how much you send; each mixnet
client would take a third of a core, and carry up to 80 kB/s.`,
  bulk: 'Traffic profile bulk: steady packets and decoys of two sizes, up to 1.6 MB/s.',
  default: 'Traffic profile default: steady packets and decoys, up to 80 kB/s; a third of a core each client.',
};

/** Where everything is, once it runs. */
export function readyText(tunnel: Tunnel, options: DemoOptions): string {
  const { localnet, server, client, upstream } = tunnel;
  const { host, port } = client.listenAddress;
  const listens = `${host}:${port}`;
  const isDemo = options.upstream === undefined;
  return [
    '',
    'Ready. The way of every byte, and back:',
    `  ${WAY}`,
    '',
    `  tunnel     ${isDemo ? `http://${listens}/` : listens}`,
    `  upstream   ${isDemo ? `http://${upstream}/  (the same pages without the tunnel)` : upstream}`,
    `  directory  ${localnet.apiUrl}${otherPort(localnet.apiUrl, options)}`,
    ...(options.envFile === undefined ? [] : [`  env file   ${options.envFile}`]),
    "  the server's Nym address:",
    `  ${server.nymAddress}`,
    '',
    TRAFFIC[options.traffic],
    '',
    ...(isDemo ? demoTries(listens) : upstreamTries(listens, upstream)),
    '',
    'Ctrl-C ends it.',
    '',
  ].join('\n');
}

function otherPort(apiUrl: string, { directoryPort }: DemoOptions): string {
  if (directoryPort !== DEFAULT_DIRECTORY_PORT || new URL(apiUrl).port === String(directoryPort)) return '';
  return `  (port ${directoryPort} is in use)`;
}

function demoTries(listens: string): string[] {
  return [
    'Try, or open the tunnel in a browser:',
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

/**
 * What the localnet command tells its user.
 *
 * @module
 */
import { formatNodeAddress } from './node-address.js';
import type { Localnet } from './localnet.js';
import type { LocalnetCounters } from './network.js';
import { MIX_LAYERS } from './topology.js';

/** The addresses of a network that is ready. */
export function readyText(localnet: Localnet, envFile: string | undefined): string {
  const gateways = localnet.gateways.map(({ id, identity, host, wsPort, tls }) => {
    const url = tls
      ? `wss://${tls.hostname}:${tls.wssPort}`
      : `ws://${formatNodeAddress({ host, port: wsPort })}`;
    return `  gateway ${id}  ${identity}  ${url}`;
  });
  const layers = MIX_LAYERS.map((layer) => {
    const ids = localnet.nodes.flatMap((node) =>
      node.kind === 'mix' && node.layer === layer ? node.id : [],
    );
    return `${layer}: ${ids.join(' ')}`;
  });
  return [
    'Nym localnet is ready.',
    `  NYM_API=${localnet.apiUrl}`,
    ...(envFile === undefined ? [] : [`  env file   ${envFile}`]),
    ...gateways,
    `  mix nodes  by layer ${layers.join(', ')}`,
    `  counters   ${localnet.controlUrl}/localnet/counters`,
    'Ctrl-C ends it.',
  ].join('\n');
}

/** Counters in one line: each packet counts once per hop. */
export function statsLine({ total, gateways }: LocalnetCounters): string {
  const { dropped } = total;
  const drops = Object.values<number>({ ...dropped }).reduce((sum, count) => sum + count, 0);
  return [
    `clients ${gateways.connections}`,
    `sent ${gateways.packetsForwarded}`,
    `delivered ${gateways.messagesDelivered}`,
    `acks ${gateways.acksDelivered}`,
    `stored ${gateways.messagesStored}`,
    `hops ${total.forwarded}`,
    `held ${total.held}`,
    `dropped ${drops} (lost ${dropped.loss}, replayed ${dropped.replay}, stopped ${dropped.stopped})`,
    `duplicated ${total.duplicated}`,
  ].join('  ');
}

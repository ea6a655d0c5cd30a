import type { TunnelSnapshot } from '../../browser/index.js';
import { el, setText } from '../dom.js';
import { bytes, count, duration, rate } from '../format.js';
import type { Look } from './watch.js';

/** The numbers of the moment; those in the plot are its legend too. */
export interface Numbers {
  readonly element: HTMLElement;
  show(look: Look): void;
}

/** Makes them, still empty. */
export function makeNumbers(): Numbers {
  const tiles: [HTMLElement, (look: Look) => string][] = [];
  const list = el('dl', { class: 'numbers' });
  const tile = (label: string, kind: string, title: string, text: (look: Look) => string) => {
    const value = el('dd', {}, '–');
    list.append(el('div', { class: kind, title }, el('dt', {}, label), value));
    tiles.push([value, text]);
  };
  tile('Down', 'down', 'Bytes from the service per second', ({ down }) => rate(down));
  tile('Up', 'up', 'Bytes to the service per second', ({ up }) => rate(up));
  tile(
    'Round trip',
    'trip',
    'From a message to the server’s answer to it, the last that was measured',
    ({ snapshot }) => (snapshot.roundTripMs === undefined ? '–' : duration(snapshot.roundTripMs)),
  );
  tile('Received', '', 'Bytes from the service since the start', ({ snapshot }) =>
    bytes(snapshot.bytesReceived),
  );
  tile('Sent', '', 'Bytes to the service since the start', ({ snapshot }) => bytes(snapshot.bytesSent));
  tile('SURBs in stock', '', 'Reply packets that the server still has for us, by our count', ({ snapshot }) =>
    count(sum(snapshot, 'surbs')),
  );
  tile(
    'Packets waiting',
    '',
    'Sphinx packets that are made and not yet on the line; an estimate',
    ({ snapshot }) => count(sum(snapshot, 'packetsWaiting')),
  );
  tile('Packets sent', '', 'Sphinx packets that have left this page, decoys included', ({ snapshot }) =>
    count(sum(snapshot, 'packetsSent')),
  );
  tile('Sessions open', '', 'Connections to the service right now, of all tabs', ({ snapshot }) =>
    count(snapshot.sessions.filter(({ state }) => state === 'open').length),
  );
  return {
    element: list,
    show(look) {
      for (const [value, text] of tiles) setText(value, text(look));
    },
  };
}

function sum({ clients }: TunnelSnapshot, key: 'surbs' | 'packetsWaiting' | 'packetsSent'): number {
  return clients.reduce((total, client) => total + client[key], 0);
}

import { el } from '../dom.js';

const ROWS: readonly (readonly [string, string])[] = [
  ['Your gateway', 'your IP address, that you use Nym, and when your packets leave; not where they go'],
  ['Mix nodes', 'packets from many people, shuffled'],
  ['The server', 'what you say to the service behind it, like any reverse proxy; not who or where you are'],
  ['The service', 'connections from the server'],
  ['Who serves this page', 'that you loaded it; nothing you do through it'],
];

/** Who learns what from the use of the tunnel. */
export function whoSeesWhat(): HTMLElement {
  const list = el('dl', { class: 'sees' });
  for (const [who, what] of ROWS) list.append(el('div', {}, el('dt', {}, who), el('dd', {}, what)));
  return el(
    'section',
    { 'aria-labelledby': 'sees-title' },
    el('h2', { id: 'sees-title' }, 'Who sees what'),
    list,
  );
}

/** The stations of the way, as the demo's own pages show them. */
export function stations(): HTMLElement {
  const stops = [
    'this page',
    '*your gateway',
    '*mix node',
    '*mix node',
    '*mix node',
    '*gateway',
    'server',
    'service',
  ];
  return el(
    'ol',
    { class: 'stations', 'aria-label': 'The way of every byte, and back' },
    ...stops.map((stop) =>
      stop.startsWith('*') ? el('li', { class: 'mixnet' }, stop.slice(1)) : el('li', {}, stop),
    ),
  );
}

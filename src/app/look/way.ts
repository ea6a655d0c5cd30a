import { el, setAttributes, setText, svg } from '../dom.js';
import { HEIGHT, wayRows, WIDTH, type Row, type Spot, type WayKnowledge } from './way-layout.js';

/** The picture of the way the packets take. */
export interface Way {
  readonly element: HTMLElement;
  show(known: WayKnowledge, moving: boolean): void;
}

const LOCALNET_TEXT =
  'The nodes of the localnet and the packets that came to each, of everybody here. Which mix nodes a packet takes is drawn anew each time.';
const PUBLIC_TEXT =
  'What this page knows: its own gateway, and the server’s from its address. The mix nodes are drawn anew for each packet, from the whole network.';

interface DrawnSpot {
  readonly group: SVGGElement;
  readonly mark: SVGElement;
  readonly text: SVGTextElement;
  packets: number | undefined;
}

/** Makes the picture. It is drawn anew only when other nodes are in it; numbers change in place. */
export function makeWay(): Way {
  const lines = svg('g', { class: 'lines' });
  const names = svg('g', { class: 'names' });
  const spots = svg('g');
  const picture = svg(
    'svg',
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: 'img',
      'aria-label':
        'From this page through your gateway, three mix nodes and the server’s gateway to the server and its service, and back',
    },
    lines,
    names,
    spots,
  );
  const caption = el('figcaption');
  const element = el('figure', { class: 'way' }, picture, caption);
  let drawn = new Map<string, DrawnSpot>();
  let layout = '';

  function draw(rows: readonly Row[]) {
    const all = rows.flatMap((row) => row.spots);
    drawn = new Map(all.map((spot) => [spot.key, drawSpot(spot)]));
    spots.replaceChildren(...[...drawn.values()].map(({ group }) => group));
    lines.replaceChildren(...rows.flatMap((row, index) => linesBetween(row, rows[index + 1])));
    names.replaceChildren(
      ...rows.map(({ name, spots: [first] }) => svg('text', { x: 0, y: (first?.y ?? 0) + 4 }, name)),
    );
  }

  return {
    element,
    show(known, moving) {
      const rows = wayRows(known);
      const all = rows.flatMap((row) => row.spots);
      const next = all.map(({ key }) => key).join();
      if (next !== layout) {
        layout = next;
        draw(rows);
      }
      for (const spot of all) update(drawn.get(spot.key), spot);
      picture.classList.toggle('moving', moving);
      setText(caption, known.nodes ? LOCALNET_TEXT : PUBLIC_TEXT);
    },
  };
}

function drawSpot({ x, y, kind }: Spot): DrawnSpot {
  const text = svg(
    'text',
    kind === 'end' ? { x, y: y + 4, 'text-anchor': 'middle' } : { x: x + 16, y: y + 4 },
  );
  const mark =
    kind === 'end'
      ? svg('rect', { x: x - 80, y: y - 14, width: 160, height: 28, rx: 14 })
      : svg('circle', { cx: x, cy: y, r: kind === 'crowd' ? 6 : 8 });
  return { group: svg('g', { class: kind }, mark, text), mark, text, packets: undefined };
}

function update(spot: DrawnSpot | undefined, { kind, text, packets, running }: Spot): void {
  if (!spot) return;
  setText(spot.text, text);
  const busy = packets !== undefined && spot.packets !== undefined && packets > spot.packets;
  setAttributes(spot.group, { class: [kind, busy ? 'busy' : '', running ? '' : 'stopped'].join(' ').trim() });
  spot.packets = packets;
}

function linesBetween(from: Row, to: Row | undefined): SVGLineElement[] {
  return from.spots.flatMap((above) =>
    (to?.spots ?? []).map((below) => svg('line', { x1: above.x, y1: above.y, x2: below.x, y2: below.y })),
  );
}

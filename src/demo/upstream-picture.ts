/** Where a byte passes, and whether that is in the mixnet. */
const STOPS: readonly (readonly [name: string, mixnet: boolean])[] = [
  ['you', false],
  ['client', false],
  ['gateway', true],
  ['mix', true],
  ['mix', true],
  ['mix', true],
  ['gateway', true],
  ['server', false],
  ['this site', false],
];

const STEP = 96;
const FIRST = 52;
const Y = 34;
const WIDTH = FIRST * 2 + STEP * (STOPS.length - 1);

function stop([name, mixnet]: (typeof STOPS)[number], index: number): string {
  const x = FIRST + STEP * index;
  return `<g${mixnet ? ' class="mixnet"' : ''}>
<circle cx="${x}" cy="${Y}" r="9"/>
<text x="${x}" y="${Y + 36}">${name}</text>
</g>`;
}

/** A picture of the way through the mixnet. It has colours of its own, as a page's style does not reach into an image. */
export const WAY_PICTURE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} 84" width="${WIDTH}" height="84">
<title>you, client, gateway, three mix nodes, gateway, server, this site</title>
<style>
line { stroke: #b9b3a6; stroke-width: 2; }
circle { fill: #fbfaf7; stroke: #5b6675; stroke-width: 2.5; }
text { fill: #5b6675; font: 17px system-ui, sans-serif; text-anchor: middle; }
rect { fill: #0a6d5a; fill-opacity: .09; }
.mixnet circle { fill: #0a6d5a; stroke: #0a6d5a; }
.mixnet text { fill: #0a6d5a; }
@media (prefers-color-scheme: dark) {
  line { stroke: #4a515b; }
  circle { fill: #15181d; stroke: #9aa3ad; }
  text { fill: #9aa3ad; }
  rect { fill: #63d0b4; }
  .mixnet circle { fill: #63d0b4; stroke: #63d0b4; }
  .mixnet text { fill: #63d0b4; }
}
</style>
<rect x="${FIRST + STEP * 1.5}" y="4" width="${STEP * 5}" height="76" rx="12"/>
<line x1="${FIRST}" y1="${Y}" x2="${WIDTH - FIRST}" y2="${Y}"/>
${STOPS.map(stop).join('\n')}
</svg>
`;

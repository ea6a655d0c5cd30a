import { POLICIES } from './policy.js';
import type { Result } from './result.js';
import { ofLimit } from './table.js';

const WIDTH = 820;
const LABEL = 310;
const BAR = 14;
const ROW = 2 * BAR + 12;
const TOP = 64;
const SCALE = WIDTH - LABEL - 120;

const COLOURS = { ours: '#3b6fd4', rust: '#c9762b' } as const;
const FONT = 'font-family="system-ui, sans-serif" font-size="13"';

/** An SVG image of how far each result is from what physics allows, where that is what it is compared with. */
export function plot(results: readonly Result[]): string {
  const shown = results.filter(
    (result) => ofLimit(result) !== undefined && !/open sessions|beside|alone|lane/.test(result.name),
  );
  const names = [...new Set(shown.map(rowName))];
  const rows = names.map((name, n) => {
    const y = TOP + n * ROW;
    const bars = shown.filter((result) => rowName(result) === name).map((result) => bar(result, y));
    return `<text x="${LABEL - 10}" y="${y + BAR + 5}" text-anchor="end" ${FONT}>${name}</text>${bars.join('')}`;
  });
  const height = TOP + names.length * ROW + 10;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="12" y="24" ${FONT} font-weight="600">Of what the slots and mix delays allow (1 is the limit)</text>`,
    legend('ours', 12),
    legend('rust', 160),
    `<line x1="${LABEL + SCALE}" x2="${LABEL + SCALE}" y1="${TOP - 8}" y2="${height - 10}" stroke="#888" stroke-dasharray="4 3"/>`,
    ...rows,
    '</svg>\n',
  ].join('\n');
}

function rowName({ name, traffic }: Result): string {
  return `${name}, ${traffic}`;
}

function bar(result: Result, y: number): string {
  const share = Math.min(1.1, ofLimit(result) ?? 0);
  const at = result.policy === 'ours' ? y : y + BAR + 2;
  const { median } = result.value;
  const value = `${median >= 100 ? median.toFixed(0) : median.toFixed(1)} ${result.unit}`;
  const length = Math.max(1, share * SCALE).toFixed(1);
  return (
    `<rect x="${LABEL}" y="${at}" width="${length}" height="${BAR}" fill="${COLOURS[result.policy]}"/>` +
    `<text x="${(LABEL + Number(length) + 6).toFixed(1)}" y="${at + BAR - 2}" ${FONT}>${value}</text>`
  );
}

function legend(policy: keyof typeof COLOURS, x: number): string {
  return (
    `<rect x="${x}" y="36" width="12" height="12" fill="${COLOURS[policy]}"/>` +
    `<text x="${x + 18}" y="47" ${FONT}>${POLICIES[policy].name}</text>`
  );
}

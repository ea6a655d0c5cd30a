import { POLICIES, type PolicyName } from './policy.js';
import type { Result } from './result.js';

/** How far a result is from its limit: 1 is there. */
export function ofLimit({ value, limit, higherIsBetter }: Result): number | undefined {
  if (limit === undefined) return undefined;
  return higherIsBetter ? value.median / limit : limit / value.median;
}

const WIDTHS = [36, 9, 22, 22, 8, 10, 8];

/** The table's first line. */
export function headLine(): string {
  return line(['', 'traffic', POLICIES.ours.name, POLICIES.rust.name, 'better', 'limit', 'of it']);
}

/** Lines of the table for what was measured under one name and profile, with either policy. */
export function resultLines(results: readonly Result[]): string[] {
  const of = (policy: PolicyName) => results.find((result) => result.policy === policy);
  const [ours, rust] = [of('ours'), of('rust')];
  const shown = ours ?? rust;
  if (shown === undefined) return [];
  const share = ofLimit(shown);
  const cells = [
    shown.name,
    shown.traffic,
    ours ? valueText(ours) : '',
    rust ? valueText(rust) : '',
    ours && rust ? `${betterBy(ours, rust).toFixed(1)}x` : '',
    shown.limit === undefined ? '' : number(shown.limit),
    share === undefined ? '' : share.toFixed(2),
  ];
  const notes = [ours, rust].flatMap((result) =>
    result?.notes ? [`    ${POLICIES[result.policy].name}: ${notesText(result.notes)}`] : [],
  );
  return [line(cells), ...notes];
}

/** How many times better one result is than another. */
export function betterBy(ours: Result, rust: Result): number {
  const ratio = ours.value.median / rust.value.median;
  return ours.higherIsBetter ? ratio : 1 / ratio;
}

function valueText({ value, unit }: Result): string {
  return `${number(value.median)} ${unit} (${number(value.least)}-${number(value.most)})`;
}

function notesText(notes: Readonly<Record<string, number>>): string {
  return Object.entries(notes)
    .map(([name, value]) => `${name} ${number(value)}`)
    .join(', ');
}

function number(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, n) => (n < 2 ? cell.padEnd(WIDTHS[n] ?? 0) : cell.padStart(WIDTHS[n] ?? 0)))
    .join(' ');
}

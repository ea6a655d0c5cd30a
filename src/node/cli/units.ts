/**
 * Numbers for people.
 *
 * @module
 */

const STEP = 1000;
const UNITS = ['B', 'kB', 'MB', 'GB'] as const;

/** A number of bytes, as `0 B`, `512 B`, `1.2 kB` or `34.0 MB`: thousands, not 1024s. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit: string = UNITS[0];
  for (const next of UNITS.slice(1)) {
    if (value < STEP) break;
    value /= STEP;
    unit = next;
  }
  return `${value.toFixed(unit === 'B' ? 0 : 1)} ${unit}`;
}

/** A time in ms, as `0.42 s` or `12.3 s`. */
export function formatSeconds(ms: number): string {
  const seconds = ms / 1000;
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

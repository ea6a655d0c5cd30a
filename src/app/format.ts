/**
 * Numbers and times for people.
 *
 * @module
 */

const whole = new Intl.NumberFormat('en');

/** `1,204`. */
export function count(value: number): string {
  return whole.format(Math.round(value));
}

/** `512 B`, `1.5 kB`, `12 MB`; thousands, not 1024. */
export function bytes(value: number): string {
  if (value < 1000) return `${Math.round(value)} B`;
  const [scaled, unit] =
    value < 999_500 ? [value / 1e3, 'kB'] : value < 999.5e6 ? [value / 1e6, 'MB'] : [value / 1e9, 'GB'];
  return `${scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${unit}`;
}

/** `80 kB/s`. */
export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`;
}

/** `38 ms`, `1.23 s`. */
export function duration(ms: number): string {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9_995 ? 2 : 1)} s`;
}

/** `14:03:59.120`, in the time of this machine. */
export function clock(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const millis = String(time.getMilliseconds()).padStart(3, '0');
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${millis}`;
}

/** `9XTY…aKs2@Fg3k…p01x`: the ends of a Nym address, enough to tell two apart. */
export function shortAddress(address: string): string {
  const [client = '', gateway = ''] = address.split('@');
  return gateway === '' ? shortKey(client) : `${shortKey(client)}@${shortKey(gateway)}`;
}

/** `9XTY…aKs2`. */
export function shortKey(key: string): string {
  return key.length <= 11 ? key : `${key.slice(0, 5)}…${key.slice(-5)}`;
}

/** What an error says, whatever it is. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

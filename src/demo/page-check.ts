/**
 * Fetches the page as a browser would begin to.
 *
 * @module
 */
import { CommandError } from '../node/cli/failure.js';
import { PAGE_HEADERS } from './page-headers.js';

/** It is on this machine. */
const CHECK_LIMIT_MS = 30_000;

const SCRIPT = /<script[^>]* src="([^"]+)"/;

/**
 * Checks that the page at `url`, its script, its service worker and what it is told are there, and of what kind they are.
 *
 * @throws {CommandError} saying what is not as it should be.
 * @throws an `AbortError` if the signal aborts.
 */
export async function checkPage(url: string, signal: AbortSignal): Promise<void> {
  const html = await fetchKind(url, { type: 'text/html', cache: 'no-cache' }, signal);
  const [, script] = SCRIPT.exec(html) ?? [];
  if (script === undefined) throw wrong(url, 'it has no script');
  await fetchKind(new URL(script, url).href, { type: 'text/javascript', cache: 'immutable' }, signal);
  await fetchKind(
    new URL('service-worker.js', url).href,
    { type: 'text/javascript', cache: 'no-cache' },
    signal,
  );
  await fetchKind(new URL('demo.json', url).href, { type: 'application/json', cache: 'no-store' }, signal);
}

interface Kind {
  readonly type: string;
  /** What `Cache-Control` says. */
  readonly cache: string;
}

async function fetchKind(url: string, { type, cache }: Kind, signal: AbortSignal): Promise<string> {
  const limit = AbortSignal.timeout(CHECK_LIMIT_MS);
  const response = await fetch(url, { signal: AbortSignal.any([signal, limit]) }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw wrong(url, String(error));
  });
  const text = await response.text();
  if (response.status !== 200) throw wrong(url, `the status is ${response.status}`);
  const expected = [['content-type', type], ['cache-control', cache], ...Object.entries(PAGE_HEADERS)];
  for (const [name = '', value = ''] of expected) {
    const found = response.headers.get(name) ?? '';
    if (!found.includes(value)) throw wrong(url, `${name} is "${found}", not "${value}"`);
  }
  return text;
}

function wrong(url: string, what: string): CommandError {
  return new CommandError(`${url} is not served as it should be: ${what}. Run npm run build, and try again.`);
}

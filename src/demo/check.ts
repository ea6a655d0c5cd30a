/**
 * Fetches through the tunnel and compares with what the upstream sent.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';

import { SHA256_HEADER } from './upstream-routes.js';
import { CommandError } from '../node/cli/failure.js';
import { formatBytes, formatSeconds } from '../node/cli/units.js';

/** Pages that are the same whichever way they come, and the first of them small. */
const PATHS = ['/about.html', '/large.bin'];

/** A check that takes longer has failed; at 60 kB/s it takes 20 s. */
const CHECK_LIMIT_MS = 300_000;

/** What one fetch gave. */
interface Fetched {
  readonly bytes: number;
  readonly ms: number;
  readonly sha256: string;
  /** What the upstream says it sent. */
  readonly announced: string | undefined;
}

/**
 * Fetches a page and a large file through the tunnel at `tunnel` and directly from `upstream`, and says how it went.
 *
 * @param print gets each line.
 * @returns whether everything arrived as it was sent.
 * @throws {CommandError} if something did not arrive at all.
 * @throws an `AbortError` if the signal aborts.
 */
export async function checkTunnel(
  tunnel: string,
  upstream: string,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<boolean> {
  let allEqual = true;
  print(row('fetched', 'size', 'time', 'rate', 'sha256'));
  for (const path of PATHS) {
    const sent = await fetchOnce(`http://${upstream}${path}`, signal);
    const came = await fetchOnce(`http://${tunnel}${path}`, signal);
    const equal = came.sha256 === sent.sha256 && came.announced === came.sha256;
    allEqual &&= equal;
    const rate = `${formatBytes((came.bytes * 1000) / Math.max(came.ms, 1))}/s`;
    print(row(path, formatBytes(came.bytes), formatSeconds(came.ms), rate, verdict(equal, came.sha256)));
  }
  return allEqual;
}

function verdict(equal: boolean, sha256: string): string {
  return equal ? `${sha256.slice(0, 8)}... as sent` : `${sha256.slice(0, 8)}... NOT AS SENT`;
}

function row(path: string, size: string, time: string, rate: string, hash: string): string {
  return `  ${path.padEnd(12)}${size.padStart(9)}${time.padStart(9)}${rate.padStart(12)}  ${hash}`;
}

async function fetchOnce(url: string, signal: AbortSignal): Promise<Fetched> {
  const limit = AbortSignal.timeout(CHECK_LIMIT_MS);
  try {
    return await fetchWithin(url, AbortSignal.any([signal, limit]));
  } catch (error) {
    signal.throwIfAborted();
    const late = `it took more than ${CHECK_LIMIT_MS / 1000} s`;
    const why = limit.aborted ? late : error instanceof Error ? error.message : String(error);
    throw new CommandError(`${url} was not fetched: ${why}. Try again, with other options if you gave any.`, {
      cause: error,
    });
  }
}

/** Over a connection of its own, so that the time to open one counts. */
async function fetchWithin(url: string, signal: AbortSignal): Promise<Fetched> {
  const startedAt = performance.now();
  const asked = request(url, { agent: false, signal }).end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode ?? 'nothing'}`);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  const announced = response.headers[SHA256_HEADER];
  return {
    bytes,
    ms: performance.now() - startedAt,
    sha256: hash.digest('hex'),
    announced: typeof announced === 'string' ? announced : undefined,
  };
}

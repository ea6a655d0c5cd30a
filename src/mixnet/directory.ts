import { MixnetClientError } from './errors.js';
import type { Network } from './network.js';

/** A directory that has not answered by then counts as unreachable. */
const ANSWER_TIME_LIMIT_MS = 30_000;

/** More than ten times what mainnet's gateway list weighs. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/**
 * Asks the directory and returns the JSON it answers.
 *
 * @param path relative to the network's `apiUrl`.
 * @throws {MixnetClientError} `network`, if there is no such answer.
 * @throws the signal's reason if it aborts.
 */
export async function askDirectory(network: Network, path: string, signal?: AbortSignal): Promise<unknown> {
  const url = new URL(path, network.apiUrl.endsWith('/') ? network.apiUrl : `${network.apiUrl}/`);
  const limit = AbortSignal.timeout(ANSWER_TIME_LIMIT_MS);
  try {
    const response = await fetch(url, {
      headers: { accept: 'application/json' },
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return JSON.parse(await boundedText(response)) as unknown;
  } catch (error) {
    signal?.throwIfAborted();
    throw new MixnetClientError(
      'network',
      `The directory ${network.apiUrl} of the network ${network.name} is of no use: ${reason(error)} (${url.pathname}). ` +
        'Check that the network is up and that NYM_API is its directory.',
      { cause: error },
    );
  }
}

async function boundedText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let bytes = 0; reader !== undefined;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes > MAX_ANSWER_BYTES) {
      await reader.cancel();
      throw new Error(`it answered more than ${MAX_ANSWER_BYTES} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
  return text + decoder.decode();
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_TIME_LIMIT_MS / 1000} s`;
  // fetch only says "fetch failed" and keeps the reason in the cause.
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}

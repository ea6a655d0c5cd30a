import type { UpstreamConnection } from './connection.js';
import { TunnelFetchError } from './errors.js';
import type { FetchRequest } from './fetch-request.js';
import { UPLOAD_PIECE_BYTES } from './limits.js';
import { requestHead } from './request-head.js';

const encoder = new TextEncoder();
const LAST_CHUNK = encoder.encode('0\r\n\r\n');

/** What an {@link upload} needs to know besides its request. */
export interface UploadOptions {
  /** Stops the upload, which then rejects. */
  readonly signal: AbortSignal;
  /** Called whenever the connection has taken a piece. */
  readonly onProgress: () => void;
}

/**
 * Writes a request, and settles when the connection has taken all of it.
 *
 * @throws {TunnelFetchError} `request` if the body cannot be read, or `connection`.
 * @throws the reason of the signal.
 */
export async function upload(
  connection: UpstreamConnection,
  request: FetchRequest,
  options: UploadOptions,
): Promise<void> {
  const { body } = request;
  // What is written at the same moment shares packets, so a small body travels with the head.
  await connection.write(requestHead(request));
  if (body === undefined) return connection.flushed();
  const stream: ReadableStream<unknown> = body instanceof Blob ? body.stream() : body;
  const chunked = body instanceof ReadableStream;
  let left = body instanceof Blob ? body.size : Infinity;
  for await (const piece of piecesOf(stream, options.signal)) {
    left -= piece.length;
    if (left < 0) break;
    await connection.write(chunked ? chunkOf(piece) : piece);
    options.onProgress();
  }
  if (!chunked && left !== 0)
    throw new TunnelFetchError('request', 'The request body changed while it was sent');
  if (chunked) await connection.write(LAST_CHUNK);
  return connection.flushed();
}

/** The stream in pieces of a bounded size, none empty. It is cancelled if they are not all taken. */
async function* piecesOf(stream: ReadableStream<unknown>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel(signal.reason).catch(() => undefined);
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    for (;;) {
      const { done, value } = await readBody(reader);
      // A cancelled stream ends as if it were complete.
      signal.throwIfAborted();
      if (done) return;
      if (!(value instanceof Uint8Array)) {
        throw new TunnelFetchError(
          'request',
          'The request body is a stream of something else than Uint8Array',
        );
      }
      for (let at = 0; at < value.length; at += UPLOAD_PIECE_BYTES) {
        yield value.subarray(at, at + UPLOAD_PIECE_BYTES);
      }
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

async function readBody(
  reader: ReadableStreamDefaultReader<unknown>,
): Promise<ReadableStreamReadResult<unknown>> {
  try {
    return await reader.read();
  } catch (error) {
    throw new TunnelFetchError('request', 'The request body could not be read', { cause: error });
  }
}

function chunkOf(piece: Uint8Array): Uint8Array {
  const size = encoder.encode(`${piece.length.toString(16)}\r\n`);
  const chunk = new Uint8Array(size.length + piece.length + 2);
  chunk.set(size);
  chunk.set(piece, size.length);
  chunk.set(LAST_CHUNK.subarray(-2), chunk.length - 2);
  return chunk;
}

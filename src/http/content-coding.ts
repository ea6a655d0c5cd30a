import { byteStream, type Bytes, endStream } from './byte-stream.js';
import { badResponse, TunnelFetchError } from './errors.js';
import { DECODER_PIECE_BYTES, MAX_CODINGS } from './limits.js';

type Reader = ReadableStreamDefaultReader<Bytes>;
type Body = ReadableStream<Bytes>;

const GZIP = ['gzip', 'x-gzip'];
const KNOWN = [...GZIP, 'deflate'];

/**
 * The body without its content codings.
 *
 * @param codings the `Content-Encoding` header.
 * @throws {TunnelFetchError} `response` if one is not known here, or they are many; neither was asked for. A browser
 *   would know `br` and `zstd`, so nobody who calls `fetch` is prepared to decode them.
 */
export function decoded(body: Body, codings: string | null): Body {
  const names = (codings ?? '').toLowerCase().split(',');
  const applied = names.map((name) => name.trim()).filter((name) => name !== '' && name !== 'identity');
  if (applied.length > MAX_CODINGS || !applied.every((name) => KNOWN.includes(name))) {
    const error = new TunnelFetchError(
      'response',
      `The upstream's response is coded as "${codings}", which was not asked for and cannot be decoded here. ` +
        'Set Accept-Encoding to decode it yourself.',
    );
    body.cancel(error).catch(() => undefined);
    throw error;
  }
  return applied.reduceRight((coded, name) => decodedBody(coded, name), body);
}

function decodedBody(coded: Body, coding: string): Body {
  const source = coded.getReader();
  let decoder: Decoder | undefined;
  return byteStream({
    async pull(controller) {
      try {
        decoder ??= await Decoder.start(source, coding);
        const piece = await decoder?.read();
        if (piece === undefined) endStream(controller);
        else controller.enqueue(piece);
      } catch (error) {
        controller.error(error);
        await source.cancel(error).catch(() => undefined);
      }
    },
    async cancel(reason) {
      await Promise.all([source.cancel(reason), decoder?.cancel(reason)]);
    },
  });
}

/** Feeds a platform decoder, a little at a time, and tells the errors of the source from its own. */
class Decoder {
  readonly #coding: string;
  readonly #output: Reader;
  #sourceFailure: { readonly error: unknown } | undefined;

  private constructor(source: Reader, first: Bytes, coding: string) {
    const { readable, writable } = new DecompressionStream(formatOf(coding, first));
    this.#coding = coding;
    this.#output = readable.getReader();
    void this.#feed(source, first, writable.getWriter());
  }

  /** `undefined` if there is nothing to decode: an empty body is no valid gzip, but is sent all the same. */
  static async start(source: Reader, coding: string): Promise<Decoder | undefined> {
    const first = await firstBytes(source, 2);
    return first.length === 0 ? undefined : new Decoder(source, first, coding);
  }

  /** The next piece, which is not empty; `undefined` at the end. */
  async read(): Promise<Bytes | undefined> {
    try {
      for (;;) {
        const { done, value } = await this.#output.read();
        if (done) return undefined;
        if (value.length > 0) return value;
      }
    } catch (error) {
      if (this.#sourceFailure !== undefined) throw this.#sourceFailure.error;
      const why = error instanceof Error ? error.message : String(error);
      throw badResponse(`its body is not valid ${this.#coding} (${why})`);
    }
  }

  /** Lets go of what has been decoded and not read. */
  async cancel(reason: unknown): Promise<void> {
    await this.#output.cancel(reason);
  }

  async #feed(source: Reader, first: Bytes, input: WritableStreamDefaultWriter<Bytes>): Promise<void> {
    input.closed.catch(() => undefined);
    try {
      for (let bytes: Bytes | undefined = first; bytes !== undefined; bytes = await this.#next(source)) {
        for (let at = 0; at < bytes.length; at += DECODER_PIECE_BYTES) {
          await input.ready;
          await input.write(bytes.slice(at, at + DECODER_PIECE_BYTES));
        }
      }
      await input.close();
    } catch (error) {
      await input.abort(error).catch(() => undefined);
    }
  }

  async #next(source: Reader): Promise<Bytes | undefined> {
    try {
      return (await source.read()).value;
    } catch (error) {
      this.#sourceFailure = { error };
      throw error;
    }
  }
}

/** What is called deflate has a zlib header by the standard, and has none from some servers. */
function formatOf(coding: string, [first = 0, second = 0]: Bytes): CompressionFormat {
  if (GZIP.includes(coding)) return 'gzip';
  const zlib = (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;
  return zlib ? 'deflate' : 'deflate-raw';
}

/** At least so many bytes, unless there are fewer. */
async function firstBytes(source: Reader, count: number): Promise<Bytes> {
  let bytes: Bytes = new Uint8Array();
  while (bytes.length < count) {
    const { value } = await source.read();
    if (value === undefined) break;
    const longer = new Uint8Array(bytes.length + value.length);
    longer.set(bytes);
    longer.set(value, bytes.length);
    bytes = longer;
  }
  return bytes;
}

import { byteStream, type Bytes, endStream } from './byte-stream.js';
import { badResponse, TunnelFetchError } from './errors.js';
import { Inflater, type InflateFormat } from './inflate.js';
import { MAX_CODINGS } from './limits.js';
import { Turns } from './turns.js';

type Body = ReadableStream<Bytes>;

const DECODED: Readonly<Record<string, InflateFormat>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
};

/** Codings that browsers know, so that their bytes would make no sense to anybody, and that are not decoded here. */
const NOT_DECODED = ['br', 'zstd'];

/**
 * The body without its content codings. One that nobody knows (`none`, `utf-8`, `aws-chunked`) is a server's mistake;
 * the body is left as it is then, as browsers leave it.
 *
 * @param codings the `Content-Encoding` header.
 * @throws {TunnelFetchError} `response` if one cannot be decoded here, or they are many; neither was asked for.
 */
export function decoded(body: Body, codings: string | null): Body {
  const names = (codings ?? '').toLowerCase().split(',');
  const applied = names.map((name) => name.trim()).filter((name) => name !== '' && name !== 'identity');
  const formats = applied.map((name) => DECODED[name]).filter((format) => format !== undefined);
  if (applied.every((name) => name in DECODED || NOT_DECODED.includes(name))) {
    if (formats.length < applied.length || applied.length > MAX_CODINGS) {
      const error = new TunnelFetchError(
        'response',
        `The upstream's response is coded as "${codings}", which was not asked for and cannot be decoded here. ` +
          'Set Accept-Encoding to decode it yourself.',
      );
      body.cancel(error).catch(() => undefined);
      throw error;
    }
    return formats.reduceRight(decodedBody, body);
  }
  return body;
}

function decodedBody(coded: Body, format: InflateFormat): Body {
  const source = coded.getReader();
  const inflater = new Inflater(format);
  const turns = new Turns();
  let begun = false;
  /** `undefined` at the end. */
  const next = async (): Promise<Bytes | undefined> => {
    for (;;) {
      const piece = orInvalid(format, () => inflater.read());
      if (piece !== undefined) return piece;
      await turns.next();
      const { value } = await source.read();
      if (value === undefined) {
        // An empty body is no valid gzip, but is sent all the same.
        if (begun) orInvalid(format, () => inflater.finish());
        return undefined;
      }
      begun = true;
      orInvalid(format, () => inflater.push(value));
    }
  };
  return byteStream({
    async pull(controller) {
      try {
        const piece = await next();
        await turns.next();
        if (piece === undefined) endStream(controller);
        else controller.enqueue(piece);
      } catch (error) {
        controller.error(error);
        await source.cancel(error).catch(() => undefined);
      }
    },
    cancel: (reason) => source.cancel(reason),
  });
}

function orInvalid<T>(format: InflateFormat, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw badResponse(`its body is not valid ${format} (${error instanceof Error ? error.message : ''})`);
  }
}

/**
 * An upstream in memory, for tests that run in Node and in a page.
 *
 * @module
 */
import { HttpClient, type HttpClientOptions } from '../../src/http/index.js';
import type { Connect } from '../../src/proxy/socket.js';

/** A request as it came, one character for each byte. */
export interface Seen {
  readonly method: string;
  readonly target: string;
  readonly headers: Headers;
  readonly body: string;
}

/** What is answered, one character for each byte; the connection ends behind it, or stays. */
export type Answer = string | { readonly text: string; readonly stays: true };

type Upstream = (request: Seen) => Answer | Promise<Answer>;

/** A client whose connections lead to an upstream that answers like this. */
export function memoryClient(answer: Upstream, options: Partial<HttpClientOptions> = {}): HttpClient {
  return new HttpClient({ connect: memoryConnect(answer), ...options });
}

function memoryConnect(answer: Upstream): Connect {
  return () => {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    let text = '';
    let answering = Promise.resolve();
    const respond = async (request: Seen) => {
      const answered = await answer(request);
      const { text, stays } = typeof answered === 'string' ? { text: answered, stays: false } : answered;
      controller?.enqueue(bytesOf(text));
      if (!stays) controller?.close();
    };
    const readable = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) });
    const writable = new WritableStream<Uint8Array>({
      write(bytes) {
        text += textOf(bytes);
        const { request, rest } = requestIn(text);
        text = rest;
        if (request) answering = answering.then(() => respond(request)).catch(() => undefined);
      },
    });
    const opened = Promise.resolve({ remoteAddress: 'memory' });
    return { readable, writable, opened, closed: Promise.resolve(), close: () => Promise.resolve() };
  };
}

/** The request that text begins with, once it is complete. */
function requestIn(text: string): { readonly request?: Seen; readonly rest: string } {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return { rest: text };
  const [line = '', ...fields] = text.slice(0, end).split('\r\n');
  const headers = new Headers();
  for (const field of fields) {
    const colon = field.indexOf(':');
    headers.append(field.slice(0, colon), field.slice(colon + 1));
  }
  const [method = '', target = ''] = line.split(' ');
  const after = text.slice(end + 4);
  const isChunked = headers.has('transfer-encoding');
  const last = after.indexOf('0\r\n\r\n');
  const length = isChunked ? last + 5 : Number(headers.get('content-length') ?? 0);
  if ((isChunked && last === -1) || after.length < length) return { rest: text };
  return { request: { method, target, headers, body: after.slice(0, length) }, rest: after.slice(length) };
}

/** A byte for each character. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A character for each byte. */
export function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
}

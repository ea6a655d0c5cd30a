/**
 * The script of the test page: streams over one mixnet client, and what a test does with them from outside. Bytes are made
 * and hashed in the page.
 *
 * @module
 */
import {
  MixnetClientError,
  SessionError,
  startStreams,
  type MixnetStream,
  type MixnetStreams,
  type StreamMessages,
  type StreamsOptions,
} from '../../../src/browser/index.js';

let streams: MixnetStreams | undefined;
let stream: MixnetStream | undefined;
let messages: StreamMessages | undefined;
let abort: AbortController;

/** How a call ended; the classes of errors would be lost on the way out of the page. */
type Outcome = { readonly address: string } | { readonly code: string; readonly message: string };

const streamsPage = {
  /** Starts a client without decoys. */
  async start(options: StreamsOptions): Promise<Outcome> {
    try {
      streams = await startStreams({ traffic: 'fast', startTimeoutMs: 30_000, ...options });
      return { address: streams.address };
    } catch (error) {
      return { code: codeOf(error), message: String(error) };
    }
  },

  open(recipient: string): void {
    abort = new AbortController();
    stream = started().openStream(recipient, { signal: abort.signal });
  },

  /** Settles once somebody has opened a stream to this page. */
  async accept(): Promise<void> {
    for await (const incoming of started().listen()) {
      stream = incoming;
      return;
    }
  },

  /** Sends so many bytes and ends; reads those of the peer. Gives back the hashes of both. */
  async exchange(bytes: number): Promise<{ sent: string; received: string }> {
    const { readable, writable } = opened();
    const out = random(bytes);
    const writer = writable.getWriter();
    const sending = writer.write(out).then(() => writer.close());
    const received = await new Response(readable as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer();
    await sending;
    return { sent: await sha256(out), received: await sha256(received) };
  },

  /** Settles when the stream has ended, with how. */
  closed: (): Promise<string> => opened().closed.then(() => 'ended', codeOf),

  send: (text: string): Promise<void> => whole().send(new TextEncoder().encode(text)),
  end: (): Promise<void> => whole().end(),

  /** The next messages, `null` behind the last. */
  async receive(count: number): Promise<(string | null)[]> {
    const got: (string | null)[] = [];
    for (let index = 0; index < count; index += 1) {
      const message = await whole().receive();
      got.push(message === undefined ? null : new TextDecoder().decode(message));
    }
    return got;
  },

  abort: (): void => abort.abort(new Error('the test gave it up')),
  close: (): Promise<void> => started().close(),
};

export type StreamsPage = typeof streamsPage;

declare global {
  var streamsPage: StreamsPage;
}
globalThis.streamsPage = streamsPage;

function started(): MixnetStreams {
  if (!streams) throw new Error('There are no streams.');
  return streams;
}

function opened(): MixnetStream {
  if (!stream) throw new Error('There is no stream.');
  return stream;
}

function whole(): StreamMessages {
  return (messages ??= opened().messages());
}

function codeOf(error: unknown): string {
  if (error instanceof MixnetClientError || error instanceof SessionError) return error.code;
  return error instanceof Error ? error.name : typeof error;
}

function random(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  // As much as it gives at once.
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

async function sha256(content: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

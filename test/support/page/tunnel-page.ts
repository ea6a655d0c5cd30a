/**
 * The script of the test page: proxy clients under names, and what a test does with them from outside. Hashes are taken
 * in the page, so that large bodies need not leave it.
 *
 * @module
 */
import {
  forgetIdentity,
  MixnetClientError,
  NymProxyClient,
  SessionError,
  WireError,
  type NymProxyClientOptions,
  type StartProgress,
  type TunnelSnapshot,
  type TunnelState,
} from '../../../src/browser/index.js';

const clients = new Map<string, NymProxyClient>();
const states = new Map<string, TunnelState[]>();

function client(name: string): NymProxyClient {
  const found = clients.get(name);
  if (!found) throw new Error(`There is no client ${name}.`);
  return found;
}

/** How a call failed; the classes of errors would be lost on the way out of the page. */
interface Failed {
  readonly error: string;
  readonly code: string;
  readonly message: string;
}

type Outcome = { readonly address: string; readonly progress: readonly StartProgress[] } | Failed;

function failed(error: unknown): Failed {
  const code = error instanceof MixnetClientError || error instanceof SessionError ? error.code : 'none';
  if (error instanceof Error) return { error: error.name, code, message: error.message };
  return { error: typeof error, code, message: String(error) };
}

const tunnelPage = {
  /** Creates a client without decoys. */
  async create(name: string, options: NymProxyClientOptions): Promise<Outcome> {
    const progress: StartProgress[] = [];
    try {
      const created = await NymProxyClient.create({
        traffic: 'fast',
        startTimeoutMs: 30_000,
        onProgress: (step) => progress.push(step),
        ...options,
      });
      clients.set(name, created);
      const seen: TunnelState[] = [];
      states.set(name, seen);
      created.on('state', (state) => seen.push(state));
      return { address: created.nymAddress, progress };
    } catch (error) {
      return failed(error);
    }
  },

  /** Creates a client and gives it up. */
  async giveUp(options: NymProxyClientOptions): Promise<Failed | undefined> {
    const control = new AbortController();
    const created = NymProxyClient.create({ traffic: 'fast', ...options, signal: control.signal });
    control.abort(new WireError('the test gave it up'));
    return created.then(() => undefined, failed);
  },

  close: (name: string): Promise<void> => client(name).close(),

  forget: (clientId: string): Promise<void> => forgetIdentity(clientId),

  inspect: (name: string): Promise<TunnelSnapshot> => client(name).inspect(),

  /** Settles once the client has told of such a state. */
  async untilState(name: string, wanted: TunnelState['state']): Promise<TunnelState> {
    for (;;) {
      const found = states.get(name)?.findLast(({ state }) => state === wanted);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },

  /** Status, length and hash of what comes. */
  async fetch(name: string, url: string, init: RequestInit = {}) {
    const response = await client(name).fetch(url, init);
    const body = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, bytes: body.length, sha256: await sha256(body) };
  },

  /** The same for many at once. */
  fetchAll(name: string, urls: readonly string[]) {
    return Promise.all(urls.map((url) => tunnelPage.fetch(name, url)));
  },

  async text(name: string, url: string): Promise<string> {
    return (await client(name).fetch(url)).text();
  },

  /** Why a fetch fails. */
  async fetchFails(name: string, url: string): Promise<Failed | undefined> {
    return client(name)
      .fetch(url)
      .then((response) => response.arrayBuffer())
      .then(() => undefined, failed);
  },

  /** The first chunks of an endless answer, then an abort; what the reader gets of it. */
  async abortInMidBody(name: string, url: string): Promise<Failed | undefined> {
    const control = new AbortController();
    const response = await client(name).fetch(url, { signal: control.signal });
    const reader = response.body?.getReader();
    await reader?.read();
    control.abort();
    try {
      for (;;) if ((await reader?.read())?.done !== false) return undefined;
    } catch (error) {
      return failed(error);
    }
  },

  /** Posts random bytes as a stream and returns their hash with the answer's text. */
  async upload(name: string, url: string, bytes: number): Promise<{ sha256: string; answer: string }> {
    const body = random(bytes);
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes; at += 50_000) controller.enqueue(body.subarray(at, at + 50_000));
        controller.close();
      },
    });
    const init = { method: 'POST', body: stream, duplex: 'half' };
    const response = await client(name).fetch(url, init);
    return { sha256: await sha256(body), answer: await response.text() };
  },

  /** Everything a socket gives back for what is written to it; writes, half-closes, reads to the end. */
  async exchange(name: string, text: string): Promise<string> {
    const socket = client(name).connect({ allowHalfOpen: true });
    await socket.opened;
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
    const answer = await new Response(socket.readable).text();
    await socket.closed;
    return answer;
  },

  /** Sends and receives at once; the hash of what was sent and of what came. */
  async echo(name: string, bytes: number): Promise<[sent: string, received: string]> {
    const socket = client(name).connect({ allowHalfOpen: true });
    const body = random(bytes);
    const [, received] = await Promise.all([
      new Blob([body]).stream().pipeTo(socket.writable),
      new Response(socket.readable).arrayBuffer(),
    ]);
    await socket.closed;
    return [await sha256(body), await sha256(new Uint8Array(received))];
  },

  /** Reads into buffers of the reader's own. */
  async readInto(name: string, text: string, size: number): Promise<string[]> {
    const socket = client(name).connect({ allowHalfOpen: true });
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
    const reader = socket.readable.getReader({ mode: 'byob' });
    const pieces: string[] = [];
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(size));
      if (done) return pieces;
      pieces.push(new TextDecoder().decode(value));
    }
  },

  /** What a socket says of its end: of `readable`, `writable` and `closed`. */
  async socketFails(
    name: string,
    how: 'nothing' | 'close' | 'abort' | 'cancel',
  ): Promise<(Failed | 'fine')[]> {
    const control = new AbortController();
    const socket = client(name).connect({ signal: control.signal });
    await socket.opened;
    const reader = socket.readable.getReader();
    const writer = socket.writable.getWriter();
    const read = (async () => {
      while (!(await reader.read()).done);
    })();
    const ends = [read, writer.closed, socket.closed].map((end) => end.then(() => 'fine' as const, failed));
    await writer.write(Uint8Array.of(10));
    if (how === 'close') void socket.close();
    if (how === 'abort') control.abort();
    if (how === 'cancel') void reader.cancel();
    return Promise.all(ends);
  },

  /** Opens a socket, says something so that it is opened at the other end too, and does not read. */
  async openOnly(name: string): Promise<void> {
    const socket = client(name).connect();
    await socket.opened;
    await socket.writable.getWriter().write(Uint8Array.of(1));
  },

  /** Settles once nothing has arrived for so long. */
  async untilNothingMoves(name: string, ms: number): Promise<void> {
    for (let before = -1; ;) {
      const { bytesReceived } = await client(name).inspect();
      if (bytesReceived > 0 && bytesReceived === before) return;
      before = bytesReceived;
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  },

  /** Bytes that a writer got rid of until `ms` passed without progress, nobody reading at the other end. */
  async writeUntilStuck(name: string, ms: number): Promise<number> {
    const socket = client(name).connect();
    const writer = socket.writable.getWriter();
    let written = 0;
    for (;;) {
      const piece = new Uint8Array(65_536);
      const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), ms));
      const wrote = writer.write(piece).then(
        () => 'wrote' as const,
        () => 'late' as const,
      );
      if ((await Promise.race([wrote, late])) === 'late') break;
      written += piece.length;
    }
    await socket.close();
    return written;
  },

  /** Messages that a WebSocket gets back for those it sends, then how it closed. */
  webSocket(name: string, url: string, texts: readonly string[]): Promise<(string | number)[]> {
    const socket = client(name).webSocket(url);
    socket.binaryType = 'arraybuffer';
    const got: (string | number)[] = [];
    return new Promise((resolve, reject) => {
      socket.onopen = () => {
        for (const text of texts) socket.send(text);
        socket.send(new Uint8Array(1_000));
      };
      socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
        got.push(typeof data === 'string' ? data : data.byteLength);
        if (typeof data !== 'string') socket.close(4_000, 'enough');
      };
      socket.onerror = () => reject(new Error('the WebSocket failed'));
      socket.onclose = ({ code, wasClean }) => resolve([...got, code, String(wasClean)]);
    });
  },

  /** The first events of a stream of events, as they came. */
  async events(name: string, url: string, count: number): Promise<string[]> {
    const control = new AbortController();
    const response = await client(name).fetch(url, { signal: control.signal });
    const chunks: string[] = [];
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    while (reader && chunks.length < count) {
      const { value, done } = await reader.read();
      if (done) break;
      chunks.push(value);
    }
    control.abort();
    return chunks;
  },

  /** The longest tasks of the page's main thread, in ms, while `work` was done. */
  async longTasks(name: string, url: string): Promise<number[]> {
    const durations: number[] = [];
    const observer = new PerformanceObserver((list) => {
      durations.push(...list.getEntries().map(({ duration }) => duration));
    });
    observer.observe({ type: 'longtask' });
    await tunnelPage.fetch(name, url);
    await new Promise((resolve) => setTimeout(resolve, 100));
    observer.disconnect();
    return durations;
  },
};

export type TunnelPage = typeof tunnelPage;

declare global {
  var tunnelPage: TunnelPage;
}
globalThis.tunnelPage = tunnelPage;

function random(bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) crypto.getRandomValues(whole.subarray(at, at + 65_536));
  return whole;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

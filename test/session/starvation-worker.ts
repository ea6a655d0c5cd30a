/**
 * Plays one scene of an application that writes without end, in a thread of its own: should the session starve the event
 * loop, the thread's heartbeat stops, and the test ends the thread.
 */
import { parentPort, workerData } from 'node:worker_threads';

import { SessionAcceptor } from '../../src/session/acceptor.js';
import type { Clock } from '../../src/session/clock.js';
import { SessionError } from '../../src/session/errors.js';
import { SessionOpener } from '../../src/session/opener.js';
import type { Session } from '../../src/session/session.js';
import { MixnetStreams } from '../../src/streams/mixnet-streams.js';
import { MemoryMixnet } from '../support/memory-mixnet.js';

const [source, end] = (workerData as string).split('/');

/** Minutes of silence pass in a second. */
const FASTER = 400;
const clock: Clock = {
  now: () => performance.now() * FASTER,
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms / FASTER);
    return () => clearTimeout(timer);
  },
  soon: (callback) => void setImmediate(callback),
};

const SOURCES: Readonly<Record<string, (writable: WritableStream<Uint8Array>) => Promise<void>>> = {
  loop: async (writable) => {
    const writer = writable.getWriter();
    for (;;) await writer.write(new Uint8Array(1000));
  },
  pipe: (writable) => endless().pipeTo(writable),
  nothing: async (writable) => {
    const writer = writable.getWriter();
    for (;;) await writer.write(new Uint8Array());
  },
};

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream(
    { pull: (controller) => controller.enqueue(new Uint8Array(1000)) },
    { highWaterMark: 0 },
  );
}

const ENDS: Readonly<
  Record<string, (run: (writable: WritableStream<Uint8Array>) => Promise<void>) => Promise<void>>
> = {
  reset: async (run) => {
    const { session } = await connect();
    setTimeout(() => session.reset(new SessionError('aborted', 'us')), 20);
    await run(session.writable);
  },
  limit: async (run) => {
    const { session } = await connect();
    setTimeout(() => session.reset(new SessionError('limit', 'us')), 20);
    await run(session.writable);
  },
  'idle timeout': async (run) => {
    const { session } = await connect(2000);
    await run(session.writable);
  },
  'silence of a dead peer': async (run) => {
    const { session, mixnet } = await connect();
    mixnet.fate = () => [];
    await run(session.writable);
  },
  'loss of the client': async (run) => {
    const { session, opener } = await connect();
    opener.lose();
    await run(session.writable);
  },
  'close of the streams': (run) => overStreams(run, (streams) => void streams.close()),
  'abort signal': (run) => overStreams(run, (_, control) => control.abort()),
};

/** A session with a peer that does not read. */
async function connect(idleTimeoutMs?: number) {
  const mixnet = new MemoryMixnet();
  const client = mixnet.client('client');
  const opener = new SessionOpener(client, { clock, idleTimeoutMs });
  const peers: Session[] = [];
  const acceptor = new SessionAcceptor({ clock, onSession: (peer) => peers.push(peer) });
  acceptor.serveOver(mixnet.client('server'));
  const session = opener.open('server');
  // An idle timeout may be over before the peer has heard of the session.
  while (peers.length === 0 && idleTimeoutMs === undefined)
    await new Promise((resolve) => setTimeout(resolve, 1));
  return { session, mixnet, opener: client };
}

async function overStreams(
  run: (writable: WritableStream<Uint8Array>) => Promise<void>,
  stop: (streams: MixnetStreams, control: AbortController) => void,
): Promise<void> {
  const mixnet = new MemoryMixnet();
  const address = (name: string) => `${name.repeat(44)}.${name.repeat(44)}@${name.repeat(44)}`;
  const start = (name: string) => () => Promise.resolve(mixnet.client(address(name)));
  const streams = new MixnetStreams(mixnet.client(address('2')), start('2'));
  const control = new AbortController();
  const stream = streams.openStream(address('3'), { signal: control.signal });
  setTimeout(() => stop(streams, control), 50);
  await run(stream.writable);
}

const heartbeat = setInterval(() => parentPort?.postMessage('alive'), 20);
const run = SOURCES[source ?? ''];
const scene = ENDS[end ?? ''];
if (run === undefined || scene === undefined) throw new Error(`there is no scene ${String(workerData)}`);
if (source === 'nothing') {
  // It goes on for ever, by the application's own wish, and nothing else may suffer.
  setTimeout(() => parentPort?.postMessage('rejected'), 500);
}
scene(run).catch((error: unknown) => {
  parentPort?.postMessage(
    error instanceof SessionError || error instanceof DOMException ? 'rejected' : String(error),
  );
  clearInterval(heartbeat);
});

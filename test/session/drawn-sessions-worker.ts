/**
 * Drives real openers, acceptors, sessions, streams and promises through worlds drawn from seeds, with a clock of its own,
 * in a thread of its own: should something starve the event loop, the thread's heartbeat stops.
 */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';

import { SessionAcceptor } from '../../src/session/acceptor.js';
import { SessionError } from '../../src/session/errors.js';
import { SessionOpener } from '../../src/session/opener.js';
import type { Session } from '../../src/session/session.js';
import { Dice } from '../support/dice.js';
import { FakeClock } from '../support/fake-clock.js';
import { MemoryMixnet } from '../support/memory-mixnet.js';

/** When the ends of a world are closed, in ms of its clock. What nobody has ended by then ends now. */
const WORLD_MS = 600_000;

/** An endless source is stopped before it has sent so much that the test takes long. */
const LONGEST_ENDLESS_MS = 1500;

/** Every byte tells where it belongs. */
const STREAM = Uint8Array.from(
  { length: 1 << 20 },
  (_, n) => (n * 31 + (n >> 8) * 17 + (n >> 16) * 7) & 0xff,
);

/** How an application stops writing. */
type Ending = 'close' | 'reset' | 'abort' | 'text' | 'endless' | 'never';

/** What an application does with its end of a session. */
interface Application {
  readonly chunks: readonly number[];
  readonly pauseMs: number;
  readonly ending: Ending;
  /** After so many chunks it reads no more. */
  readonly readsChunks: number;
  /** Whether it cancels then. */
  readonly cancels: boolean;
  readonly readPauseMs: number;
}

/** What an application saw. */
interface Seen {
  written: number;
  received: number;
  /** Whether it has read the end. */
  done: boolean;
  /** Why it could read no further. */
  readError: unknown;
  resetBy: SessionError | undefined;
}

function drawApplication(dice: Dice): Application {
  const large = dice.chance(0.1);
  const most = large ? 60_000 : 2000;
  const stops = dice.chance(0.15);
  return {
    chunks: dice.list(dice.upTo(6), () => dice.upTo(most)),
    pauseMs: dice.chance(0.5) ? 0 : dice.upTo(3000),
    ending: dice.chance(0.6) ? 'close' : dice.of<Ending>('reset', 'abort', 'text', 'endless', 'never'),
    readsChunks: stops ? dice.upTo(4) : Infinity,
    cancels: dice.chance(0.5),
    readPauseMs: dice.chance(0.7) ? 0 : dice.upTo(500),
  };
}

async function write(
  session: Session,
  application: Application,
  seen: Seen,
  clock: FakeClock,
): Promise<void> {
  const writer = session.writable.getWriter();
  writer.closed.catch(() => undefined);
  const put = async (length: number) => {
    await writer.write(STREAM.subarray(seen.written, seen.written + length));
    seen.written += length;
  };
  const { chunks, pauseMs, ending } = application;
  for (const length of chunks) {
    await put(length);
    if (pauseMs > 0) await clock.sleep(pauseMs);
  }
  if (ending === 'close') await writer.close();
  if (ending === 'reset') reset(session, seen);
  if (ending === 'abort') await writer.abort(new SessionError('aborted', 'us'));
  if (ending === 'text') await writer.write('text' as unknown as Uint8Array);
  if (ending !== 'endless') return;
  clock.after(LONGEST_ENDLESS_MS, () => reset(session, seen));
  for (;;) await put(Math.min(1000, STREAM.length - seen.written));
}

function reset(session: Session, seen: Seen): void {
  seen.resetBy = new SessionError('aborted', 'us');
  session.reset(seen.resetBy);
}

async function read(session: Session, application: Application, seen: Seen, clock: FakeClock): Promise<void> {
  const reader = session.readable.getReader();
  reader.closed.catch(() => undefined);
  try {
    for (let chunks = 0; chunks < application.readsChunks; chunks += 1) {
      const { value, done } = await reader.read();
      if (done) {
        seen.done = true;
        return;
      }
      const expected = STREAM.subarray(seen.received, seen.received + value.length);
      assert.ok(Buffer.from(value).equals(expected), `other bytes from ${seen.received} on`);
      seen.received += value.length;
      if (application.readPauseMs > 0) await clock.sleep(application.readPauseMs);
    }
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    seen.readError = error;
  }
  if (application.cancels) await reader.cancel().catch(() => undefined);
}

/** One end of a session with its application. */
class End {
  readonly seen: Seen = { written: 0, received: 0, done: false, readError: undefined, resetBy: undefined };
  readonly ended: Promise<void>;
  closed: 'done' | SessionError | undefined;

  readonly application: Application;

  constructor(session: Session, application: Application, clock: FakeClock) {
    this.application = application;
    const writing = write(session, application, this.seen, clock).catch((error: unknown) => {
      // A chunk of text is refused as such.
      if (!(error instanceof SessionError || error instanceof TypeError)) throw error;
    });
    const closed = session.closed.then(
      () => (this.closed = 'done'),
      (error: unknown) => {
        assert.ok(error instanceof SessionError, String(error));
        this.closed = error;
      },
    );
    const reading = read(session, application, this.seen, clock);
    this.ended = Promise.all([writing, reading, closed, session.drained]).then(() => undefined);
  }
}

async function play(seed: number): Promise<void> {
  const dice = new Dice(Math.imul(seed, 0x85ebca6b));
  const clock = new FakeClock();
  const mixnet = new MemoryMixnet(clock);
  const [loss, repeats] = [
    dice.chance(0.3) ? dice.roll() * 0.2 : 0,
    dice.chance(0.3) ? dice.roll() * 0.3 : 0,
  ];
  const delay = () => 20 + dice.upTo(200);
  mixnet.fate = () => (dice.chance(loss) ? [] : dice.chance(repeats) ? [delay(), delay()] : [delay()]);

  const opener = new SessionOpener(mixnet.client('client'), { clock });
  const openerEnds = new Map<string, End>();
  const acceptorEnds = new Map<string, End>();
  const servers = Array.from({ length: 1 + dice.upTo(2) }, (_, index) => `server ${index}`);
  const acceptors = servers.map((name) => {
    const onSession = (session: Session) => {
      assert.ok(!acceptorEnds.has(session.id), 'a session is accepted once');
      acceptorEnds.set(session.id, new End(session, drawApplication(dice), clock));
    };
    const acceptor = new SessionAcceptor({ clock, onSession });
    acceptor.serveOver(mixnet.client(name));
    return acceptor;
  });
  for (let left = 1 + dice.upTo(3); left > 0; left -= 1)
    clock.after(dice.upTo(5000), () => {
      const session = opener.open(dice.of('server 0', ...servers));
      openerEnds.set(session.id, new End(session, drawApplication(dice), clock));
    });
  const faults = dice.chance(0.3) ? 1 + dice.upTo(1) : 0;
  for (let left = faults; left > 0; left -= 1) {
    const index = dice.upTo(acceptors.length) - 1;
    const name = servers[index] ?? 'client';
    const at = dice.upTo(8000);
    clock.after(at, () => mixnet.at(name)?.lose());
    clock.after(at + 1 + dice.upTo(3000), () => {
      // The second fault may have found the client that replaced the first.
      mixnet.at(name)?.lose();
      const client = mixnet.client(name);
      const acceptor = acceptors[index];
      if (acceptor) acceptor.serveOver(client);
      else opener.moveTo(client);
    });
  }

  await clock.run(clock.sleep(WORLD_MS));
  // What could end by itself has ended before anybody is closed. Where messages are lost, the last one may be.
  if (loss === 0) for (const [id, end] of openerEnds) checkSettled(end, acceptorEnds.get(id), faults > 0);
  await clock.run(Promise.all([opener.close(), ...acceptors.map((acceptor) => acceptor.close())]));
  const ends = [...openerEnds.values(), ...acceptorEnds.values()];
  await clock.run(Promise.all(ends.map(({ ended }) => ended)));
  for (const [id, end] of openerEnds) {
    const peer = acceptorEnds.get(id);
    if (peer) checkPair(end, peer, loss === 0 && faults === 0);
  }
  assert.equal(opener.size + acceptors.reduce((sum, { size }) => sum + size, 0), 0);
}

/** Two applications that read everything and close end without anybody's help. */
function checkSettled(opener: End, acceptor: End | undefined, mayLoseGoodbye: boolean): void {
  if (acceptor === undefined) return;
  const both = [opener, acceptor];
  if (both.some(({ application: { ending, readsChunks } }) => ending !== 'close' || readsChunks < Infinity))
    return;
  assert.ok(acceptor.seen.done);
  assert.equal(opener.closed, 'done');
  if (!mayLoseGoodbye) assert.equal(acceptor.closed, 'done');
}

function checkPair(opener: End, acceptor: End, calm: boolean): void {
  for (const [from, to] of [
    [opener, acceptor],
    [acceptor, opener],
  ] as const) {
    assert.ok(to.seen.received <= STREAM.length);
    if (to.seen.done) {
      assert.equal(from.application.ending, 'close');
      assert.equal(to.seen.received, from.seen.written);
    }
    // Both ends' view of the outcome agree unless one is gone.
    if (from.closed === 'done' && to.application.readsChunks === Infinity) assert.ok(to.seen.done);
    const { resetBy } = from.seen;
    if (calm && resetBy !== undefined && from.closed === resetBy && to.closed instanceof SessionError)
      if (to.closed.by === 'peer') assert.equal(to.closed.code, resetBy.code);
  }
}

const heart = setInterval(() => parentPort?.postMessage('alive'), 50);
const { first, count } = workerData as { readonly first: number; readonly count: number };
for (let seed = first; seed < first + count; seed += 1) {
  try {
    await play(seed);
  } catch (cause) {
    throw new Error(`the world of seed ${seed} fails: ${String(cause)}`, { cause });
  }
}
clearInterval(heart);
parentPort?.postMessage('done');

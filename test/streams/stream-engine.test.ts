import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SessionEngine } from '../../src/session/engine/engine.js';
import {
  STREAM_ENVELOPE,
  type Envelope,
  type LegacyMessage,
  type SessionMessage,
} from '../../src/session/envelope.js';
import { FIRST_SURBS } from '../../src/session/limits.js';
import { SurbCredit } from '../../src/session/surbs/surb-credit.js';
import type { EngineOptions } from '../../src/session/engine/state.js';
import { SurbSupply } from '../../src/session/surbs/surb-supply.js';
import { SESSION_PROTOCOL_VERSION } from '../../src/wire/session-id.js';
import { decodeStreamFrame, newStreamId } from '../../src/wire/stream-frame.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (chunk: Uint8Array | undefined) => new TextDecoder().decode(chunk);

type Extra = Partial<Pick<EngineOptions, 'envelope' | 'idleTimeoutMs' | 'closeTimeoutMs' | 'first'>>;

function engine(supply: SurbSupply | undefined, extra: Extra = {}): SessionEngine {
  const sessionId = '00112233445566ff';
  return new SessionEngine({
    sessionId,
    supply,
    envelope: STREAM_ENVELOPE,
    closeTimeoutMs: 60_000,
    now: 0,
    ...extra,
  });
}

/** How a session ended: the code and who gave it up; `done`; or not yet. */
function endOf({ outcome }: SessionEngine): string | undefined {
  return outcome?.kind === 'reset' ? `${outcome.error.code} by ${outcome.error.by}` : outcome?.kind;
}

/** All that an end has to say now. */
function saidBy(from: SessionEngine, now: number): SessionMessage[] {
  const messages = [];
  for (let next = from.poll(now); next; next = from.poll(now)) {
    messages.push(STREAM_ENVELOPE.decode(next.payload));
  }
  return messages;
}

/** Of the frames of a message; `undefined` of one that has none. */
const typesOf = (message: SessionMessage | undefined) =>
  message?.kind === 'frames' ? message.frames.map(({ type }) => type) : undefined;

/** What a Rust peer would take for bytes. */
const bodyOf = (message: SessionMessage) => (message.kind === 'frames' ? bytes('') : message.body);

const data = (messageId: number, body: string): LegacyMessage => ({
  sessionId: '00112233445566ff',
  messageId,
  kind: 'data',
  body: bytes(body),
});

const open = (body = '', version = 0): SessionMessage => ({ ...data(0, body), kind: 'open', version });

describe('an opener of a stream', () => {
  it('starts with an Open that states its version and carries the first bytes, and gives it a lead', () => {
    const opener = engine(new SurbSupply());
    opener.write(new Uint8Array(20_000).fill(7));
    const [first] = [opener.poll(0)];
    assert.ok(first && opener.poll(0) === undefined);
    const frame = decodeStreamFrame(first.payload);
    assert.deepEqual([frame.type, frame.sequence, frame.reserved], ['open', 0, SESSION_PROTOCOL_VERSION]);
    assert.ok(frame.payload.length > 1000 && frame.payload.length < 20_000);
    assert.equal(opener.poll(1999), undefined);
    const rest = saidBy(opener, 2000);
    assert.deepEqual(
      rest.map(({ kind, messageId }) => [kind, messageId]),
      rest.map((_, index) => ['data', index]),
    );
    const sent = rest.reduce((sum, message) => sum + bodyOf(message).length, 0);
    assert.equal(sent, 20_000 - frame.payload.length);
  });

  it('brings SURBs in frames when it has no bytes, as an empty Data would be the end to a Rust peer', () => {
    const opener = engine(new SurbSupply());
    opener.write(bytes('hello'));
    const said = [0, 3000, 12_000, 39_000].flatMap((now) => saidBy(opener, now));
    assert.deepEqual(
      said.map(({ kind }) => kind),
      ['open', 'frames', 'frames', 'frames'],
    );
    for (const message of said.slice(1)) assert.deepEqual(typesOf(message), ['supply', 'open']);
    // A Rust peer that does answer is brought SURBs in the same way.
    opener.receive(data(0, 'answer'), 40_000);
    assert.equal(opener.mode, 'legacy');
    const later = saidBy(opener, 40_000);
    assert.deepEqual(
      later.map(({ kind }) => kind),
      ['frames'],
    );
  });

  it('goes over to frames with a first answer in frames, and to plain for good with one in Data', () => {
    const opener = engine(new SurbSupply());
    opener.write(bytes('hello'));
    const [first] = saidBy(opener, 0);
    const acceptor = engine(undefined, { first });
    for (const message of [first, first]) if (message) acceptor.receive(message, 100);
    assert.equal(text(acceptor.take(100)), 'hello');
    const answers = saidBy(acceptor, 200);
    assert.deepEqual(
      answers.map(({ kind }) => kind),
      ['frames'],
    );
    for (const answer of answers) opener.receive(answer, 300);
    assert.equal(opener.mode, 'frames');
  });

  it('ends towards a Rust peer when all is sent and nobody reads any more', () => {
    const opener = engine(new SurbSupply());
    opener.receive(data(0, 'answer'), 10);
    opener.write(bytes('bye'));
    opener.finish();
    opener.discard(20);
    assert.deepEqual(
      saidBy(opener, 20).map((message) => text(bodyOf(message))),
      ['bye'],
    );
    assert.equal(endOf(opener), 'done');
    assert.equal(opener.phase, 'drained');
  });

  it('that is closed and was never answered cannot know, and says so', () => {
    const opener = engine(new SurbSupply(), { closeTimeoutMs: 1000 });
    opener.write(bytes('hello'));
    opener.finish();
    opener.discard(0);
    const said = saidBy(opener, 0);
    assert.deepEqual(
      said.map(({ kind }) => kind),
      ['open', 'frames'],
    );
    assert.deepEqual(typesOf(said[1]), ['supply', 'open', 'fin']);
    assert.equal(opener.poll(999), undefined);
    assert.equal(endOf(opener), undefined);
    opener.poll(1000);
    assert.equal(endOf(opener), 'timeout by us');
  });
});

describe('the SURBs of an acceptor of a stream', () => {
  const acceptorOf = (first: SessionMessage | undefined) => {
    const acceptor = engine(undefined, { first });
    const stock = new SurbCredit();
    return { stock, receive: (message: SessionMessage) => acceptor.receive(message, 0, stock) };
  };

  it('are counted from what its Open and Data bring at least', () => {
    const first = open('a', SESSION_PROTOCOL_VERSION);
    const { stock, receive } = acceptorOf(first);
    receive(first);
    assert.equal(stock.usable, FIRST_SURBS - 1);
    receive(data(0, 'b'));
    receive(data(1, 'c'));
    assert.equal(stock.usable, FIRST_SURBS + 1);
  });

  it('are stated by the frames that bring more before the first answer', () => {
    const surbs = new SurbSupply(20);
    const opener = engine(surbs);
    opener.write(bytes('hello'));
    const said = saidBy(opener, 0);
    assert.deepEqual([said.map(({ kind }) => kind), surbs.given], [['open', 'frames'], 20]);
    for (const messages of [said, said.toReversed()]) {
      const { stock, receive } = acceptorOf(messages[0]);
      for (const message of messages) receive(message);
      // What only the Open knows of is not counted on.
      assert.ok(stock.usable >= 9 && stock.usable < surbs.given, `${stock.usable} usable`);
    }
  });
});

describe('the idle timeout of a stream', () => {
  const idleTimeoutMs = 30 * 60_000;

  it('counts from the last byte either way, and resets with timeout', () => {
    const acceptor = engine(undefined, { idleTimeoutMs, first: open() });
    acceptor.receive(open('a'), 0);
    acceptor.receive(data(0, 'b'), 1_000_000);
    assert.equal(acceptor.deadline, 1_000_000 + idleTimeoutMs);
    acceptor.write(bytes('c'));
    saidBy(acceptor, 2_000_000);
    // The pause of a replier in legacy mode is over then.
    saidBy(acceptor, 2_001_000);
    assert.equal(acceptor.deadline, 2_000_000 + idleTimeoutMs);
    // Neither a duplicate nor what waits behind a gap is carried.
    acceptor.receive(data(0, 'b'), 3_000_000);
    acceptor.receive(data(2, 'd'), 3_000_000);
    acceptor.poll(2_000_000 + idleTimeoutMs - 1);
    assert.equal(endOf(acceptor), undefined);
    acceptor.poll(2_000_000 + idleTimeoutMs);
    assert.equal(endOf(acceptor), 'timeout by us');
  });

  it('is not put off by PING and PONG, and the peer of ours is told', () => {
    const opener = engine(new SurbSupply(), { idleTimeoutMs });
    opener.write(bytes('hello'));
    const said = saidBy(opener, 0);
    const acceptor = engine(undefined, { first: said[0] });
    let now = 0;
    let up = said;
    while (endOf(opener) === undefined && now < 2 * idleTimeoutMs) {
      for (const message of up) acceptor.receive(message, now);
      for (const message of saidBy(acceptor, now)) opener.receive(message, now);
      now += 1000;
      up = saidBy(opener, now);
    }
    assert.equal(now, idleTimeoutMs);
    for (const message of up) acceptor.receive(message, now);
    assert.equal(endOf(acceptor), 'timeout by peer');
  });

  it('is the only end of the wait for a peer without an end', () => {
    const opener = engine(new SurbSupply(), { idleTimeoutMs });
    opener.write(bytes('hello'));
    for (let now = 0; now < idleTimeoutMs; now += 10_000) saidBy(opener, now);
    assert.equal(endOf(opener), undefined);
    opener.poll(idleTimeoutMs);
    assert.equal(endOf(opener), 'timeout by us');
  });
});

describe('sequence numbers of a stream', () => {
  it('survive their wrap at 2^32, out of order and repeated', () => {
    const first = 2 ** 32 - 20;
    const envelope: Envelope = {
      ...STREAM_ENVELOPE,
      firstMessage: first,
      rustOpenersFirst: first,
      openersVersion: () => 0,
    };
    const opener = engine(new SurbSupply(), { envelope });
    const acceptor = engine(undefined, { envelope, first: open() });
    let [sent, received, numbers] = ['', '', [] as number[]];
    const pass = (from: SessionEngine, to: SessionEngine, now: number) => {
      const messages = saidBy(from, now).filter(({ kind }) => kind !== 'frames');
      numbers = [...numbers, ...messages.map(({ messageId }) => messageId)];
      for (const message of [...messages.reverse(), ...messages]) to.receive(message, now);
    };
    opener.write(bytes('open '));
    pass(opener, acceptor, 0);
    acceptor.write(bytes('hello'));
    pass(acceptor, opener, 50);
    assert.equal(text(opener.take(50)), 'hello');
    numbers = [];
    for (let n = 0; n < 20; n += 1) {
      const block = `block ${n} `.repeat(3000);
      sent += block;
      opener.write(bytes(block));
      pass(opener, acceptor, 100 + n);
      for (let chunk = acceptor.take(100 + n); chunk; chunk = acceptor.take(100 + n)) received += text(chunk);
    }
    assert.equal(received, `open ${sent}`);
    assert.ok(numbers.includes(2 ** 32 - 1) && numbers.includes(0) && numbers.includes(15));
  });
});

describe('ids of streams', () => {
  it('state no version: the Open does, and our own openers speak the newest', () => {
    const id = newStreamId();
    assert.equal(STREAM_ENVELOPE.openersVersion(id, undefined), SESSION_PROTOCOL_VERSION);
    assert.equal(STREAM_ENVELOPE.openersVersion(id, open('', 0)), 0);
    assert.equal(STREAM_ENVELOPE.openersVersion(id, open('', 3)), 3);
  });
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { SessionEngine } from '../../src/session/engine/engine.js';
import { PROXY_ENVELOPE, STREAM_ENVELOPE, type Envelope } from '../../src/session/envelope.js';
import { SessionError } from '../../src/session/errors.js';
import { SurbSupply } from '../../src/session/surbs/surb-supply.js';
import { decodeFrames, type Frame } from '../../src/wire/frame.js';

/** One message of two ends of version 1, and when it was sent. It arrived 100 ms later. */
interface Step {
  readonly at: number;
  readonly up?: string;
  readonly down?: string;
}

/**
 * Recorded from the ends of version 1 of this project: a request, an answer 400 ms later, both ends; or a reset after
 * 1000 ms by the acceptor (`Reset`) or the opener (`Abort`). The number is the version that the session id states.
 */
const RECORDED = JSON.parse(readFileSync('test/vectors/session-v1.json', 'utf8')) as Readonly<
  Record<string, readonly Step[]>
>;

const REQUEST = 'a request from version one';
const ANSWER = 'an answer from version one';
const STATES_VERSION_2 = '00112233-4455-8002-8899-aabbccddeeff';

const bytesOf = (hex = '') => Uint8Array.from(Buffer.from(hex, 'hex'));
const encode = (text: string) => new TextEncoder().encode(text);

/** What an end of this version reads, and sends, when the recorded other end plays its part. */
class Replay {
  readonly steps: readonly Step[];
  readonly envelope: Envelope;
  readonly way: 'up' | 'down';
  readonly sent: Frame[] = [];
  engine: SessionEngine | undefined;
  read = '';

  constructor(steps: readonly Step[], envelope: Envelope, way: 'up' | 'down') {
    this.steps = steps;
    this.envelope = envelope;
    this.way = way;
  }

  run(act: (now: number, engine: SessionEngine | undefined) => void, until = 30_000): void {
    for (let now = 0; now < until; now += 5) {
      act(now, this.engine);
      for (const step of this.steps) {
        const hex = step[this.way];
        if (hex !== undefined && step.at + 100 === now) this.#receive(bytesOf(hex), now);
      }
      if (this.engine) this.#turn(this.engine, now);
    }
  }

  #receive(bytes: Uint8Array, now: number): void {
    const message = this.envelope.decode(bytes);
    const common = { sessionId: message.sessionId, envelope: this.envelope, closeTimeoutMs: 60_000, now };
    this.engine ??= new SessionEngine({ ...common, first: message, supply: undefined, instance: 7 });
    this.engine.receive(message, now);
  }

  #turn(engine: SessionEngine, now: number): void {
    for (let chunk = engine.take(now); chunk; chunk = engine.take(now))
      this.read += new TextDecoder().decode(chunk);
    for (let message = engine.poll(now); message; message = engine.poll(now)) {
      const { kind, ...rest } = this.envelope.decode(message.payload);
      if (kind === 'frames' && 'frames' in rest) this.sent.push(...rest.frames);
    }
  }
}

const typesOf = (frames: readonly Frame[]) => new Set(frames.map(({ type }) => type));

/** What a decoder of version 1 makes of frames: it knows no RANGES, and reads no final offset. */
const KNOWN_TO_1 = [
  'open',
  'opened',
  'data',
  'ack',
  'fin',
  'reset',
  'route',
  'ping',
  'pong',
  'instance',
  'supply',
  'demand',
];

describe('a peer of version 1', () => {
  for (const [name, envelope] of [
    ['proxy1', PROXY_ENVELOPE],
    ['stream', STREAM_ENVELOPE],
  ] as const) {
    it(`opens a session here, and both are done (${name})`, () => {
      const replay = new Replay(RECORDED[name] ?? [], envelope, 'up');
      replay.run((now, engine) => {
        if (now === 400) engine?.write(encode(ANSWER));
        if (now === 2000) engine?.finish();
      });
      assert.equal(replay.read, REQUEST);
      assert.equal(replay.engine?.bytesAcknowledged, ANSWER.length);
      assert.deepEqual(replay.engine.outcome, { kind: 'done' });
      const opened = replay.sent.find(({ type }) => type === 'opened');
      assert.ok(opened?.type === 'opened' && (name === 'stream' || opened.version === 1));
      for (const type of typesOf(replay.sent)) assert.ok(KNOWN_TO_1.includes(type), type);
    });
  }

  it('accepts a session of ours, and both are done', () => {
    const replay = new Replay(RECORDED['proxy2'] ?? [], PROXY_ENVELOPE, 'down');
    replay.engine = new SessionEngine({
      sessionId: STATES_VERSION_2,
      supply: new SurbSupply(),
      closeTimeoutMs: 60_000,
      now: 0,
    });
    replay.run((now, engine) => {
      if (now === 0) engine?.write(encode(REQUEST));
      if (now === 1500) engine?.finish();
    });
    assert.equal(replay.read, ANSWER);
    assert.deepEqual(replay.engine.outcome, { kind: 'done' });
    assert.equal(replay.engine.version, 1);
    for (const type of typesOf(replay.sent)) assert.ok(KNOWN_TO_1.includes(type), type);
  });

  it('resets a session of ours, which has read what came before', () => {
    const replay = new Replay(RECORDED['proxyReset2'] ?? [], PROXY_ENVELOPE, 'down');
    replay.engine = new SessionEngine({
      sessionId: STATES_VERSION_2,
      supply: new SurbSupply(),
      closeTimeoutMs: 60_000,
      now: 0,
    });
    replay.run((now, engine) => {
      if (now === 0) engine?.write(encode(REQUEST));
    });
    assert.equal(replay.read, ANSWER);
    assert.equal(replay.engine.failure?.code, 'upstream-reset');
    assert.equal(replay.engine.phase, 'drained');
  });

  it('resets the session that it has opened here', () => {
    const replay = new Replay(RECORDED['proxyAbort1'] ?? [], PROXY_ENVELOPE, 'up');
    replay.run((now, engine) => {
      if (now === 400) engine?.write(encode(ANSWER));
    });
    assert.equal(replay.read, REQUEST);
    assert.deepEqual([replay.engine?.failure?.code, replay.engine?.failure?.by], ['aborted', 'peer']);
  });

  it('is told of a reset behind the bytes before it, in a frame that it understands', () => {
    const steps = (RECORDED['proxy1'] ?? []).filter(({ at }) => at < 1000);
    const replay = new Replay(steps, PROXY_ENVELOPE, 'up');
    replay.run((now, engine) => {
      if (now === 400) engine?.write(encode(ANSWER));
      if (now === 900) engine?.reset(new SessionError('upstream-reset', 'us'), now);
    });
    const reset = replay.sent.findIndex(({ type }) => type === 'reset');
    const data = replay.sent.findLastIndex(({ type }) => type === 'data');
    assert.ok(data >= 0 && reset > data, `data ${data}, reset ${reset}`);
    // Number, length and code are where version 1 has them; what follows, it ignores.
    assert.deepEqual(decodeFrames(Uint8Array.of(5, 2, 3, 9)), [
      { type: 'reset', code: 'upstream-reset', finalOffset: 9 },
    ]);
    assert.equal(replay.engine?.phase, 'drained');
  });
});

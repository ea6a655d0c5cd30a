import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { SessionEngine } from '../../src/session/engine/engine.js';
import {
  LEGACY_MESSAGE_PACKETS,
  LEGACY_PACKET_MS,
  LEGACY_SPACING_MS,
  MESSAGE_PACKETS,
  PROBABLY_LEGACY_MS,
} from '../../src/session/limits.js';
import { SurbSupply } from '../../src/session/surbs/surb-supply.js';
import { anonymousMessagePackets } from '../../src/wire/packet-count.js';
import { decodeProxiedMessage, encodeProxiedMessage } from '../../src/wire/proxied-message.js';
import { newSessionId, type SessionId } from '../../src/wire/session-id.js';

interface Sent {
  readonly at: number;
  readonly packets: number;
  readonly bytes: number;
  readonly kind: string;
}

function opener(sessionId: SessionId, peerSpeaksFrames: boolean): SessionEngine {
  const supply = new SurbSupply();
  return new SessionEngine({ sessionId, supply, peerSpeaksFrames, closeTimeoutMs: 60_000, now: 0 });
}

/** All that the engine sends until then; `feed` is called before each look. */
function sentUntil(engine: SessionEngine, untilMs: number, feed: (now: number) => void): Sent[] {
  const sent: Sent[] = [];
  for (let now = 0; now <= untilMs; now += 5) {
    feed(now);
    for (let next = engine.poll(now); next; next = engine.poll(now)) {
      const { kind, body } = decodeProxiedMessage(next.payload);
      const packets = anonymousMessagePackets(next.payload.length, next.replySurbs);
      sent.push({ at: now, packets, bytes: body.length, kind });
    }
  }
  return sent;
}

/** Keeps an upload of so many bytes going, and then ends it. */
function upload(engine: SessionEngine, bytes: number): () => void {
  let left = bytes;
  return () => {
    while (left > 0 && engine.room > 0) {
      const length = Math.min(left, engine.room);
      engine.write(new Uint8Array(length));
      left -= length;
      if (left === 0) engine.finish();
    }
  };
}

/** What would be lost at a Rust server: one that begins before the last one has arrived, and been dealt with. */
function assertApart(sent: readonly Sent[]): void {
  const plain = sent.filter(({ kind }) => kind !== 'frames');
  for (const [index, { at }] of plain.entries()) {
    const before = plain[index - 1];
    if (before === undefined) continue;
    const least = before.at + before.packets * LEGACY_PACKET_MS + LEGACY_SPACING_MS;
    assert.ok(at >= least, `message ${index} at ${at} ms, ${least} ms at the earliest`);
  }
}

describe('an opener whose peer may be a Rust server', () => {
  it('sends its messages apart, its end too, and larger ones once there has been no answer', () => {
    const engine = opener(newSessionId(), false);
    const sent = sentUntil(engine, 60_000, upload(engine, 150_000));
    assertApart(sent);
    const data = sent.filter(({ kind }) => kind === 'data');
    assert.equal(
      data.reduce((sum, { bytes }) => sum + bytes, 0),
      150_000,
    );
    for (const { at, packets } of data) {
      assert.ok(packets <= (at < PROBABLY_LEGACY_MS ? MESSAGE_PACKETS : LEGACY_MESSAGE_PACKETS));
    }
    assert.ok(data.some(({ packets }) => packets === LEGACY_MESSAGE_PACKETS));
    assert.ok(data.length < 12, `${data.length} messages`);
    assert.equal(sent.at(-1)?.kind === 'close' || sent.some(({ kind }) => kind === 'close'), true);
  });

  it('goes on so with one that has answered', () => {
    const sessionId = newSessionId();
    const engine = opener(sessionId, false);
    const feed = upload(engine, 150_000);
    const answer = encodeProxiedMessage({ sessionId, messageId: 0, kind: 'data', body: new Uint8Array(10) });
    const { length } = answer;
    const sent = sentUntil(engine, 60_000, (now) => {
      feed();
      if (now === 300) {
        const { kind, body, messageId } = decodeProxiedMessage(answer);
        assert.ok(kind === 'data' && length > 0);
        engine.receive({ sessionId, messageId, kind, body }, now);
      }
    });
    assertApart(sent);
    assert.ok(sent.some(({ at, packets }) => at < PROBABLY_LEGACY_MS && packets === LEGACY_MESSAGE_PACKETS));
  });

  it('does not hold back where the peer has spoken frames before', () => {
    const engine = opener(newSessionId(), true);
    const sent = sentUntil(engine, 0, upload(engine, 20_000));
    assert.ok(sent.length > 3, `${sent.length} messages at once`);
    for (const { packets } of sent) assert.ok(packets <= MESSAGE_PACKETS);
  });
});

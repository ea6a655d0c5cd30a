import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { ByteReader } from '../../src/websocket/byte-reader.js';
import { WebSocketError } from '../../src/websocket/errors.js';
import { encodeFrame, OPCODE } from '../../src/websocket/frame.js';
import { readMessages, type Incoming } from '../../src/websocket/message-reader.js';
import { serverFrame } from './raw-upstream.js';

const MAX_BYTES = 1_000_000;

/** What is read from these chunks. */
async function readAll(chunks: readonly Uint8Array[], maxBytes = MAX_BYTES): Promise<Incoming[]> {
  const reader = new ByteReader(
    new ReadableStream({
      start: (controller) => {
        for (const chunk of chunks) controller.enqueue(chunk);
        controller.close();
      },
    }),
  );
  const seen: Incoming[] = [];
  for await (const incoming of readMessages(reader, maxBytes)) seen.push(incoming);
  return seen;
}

/** Cuts at these places, each modulo the length. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [
    0,
    ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ];
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
}

function refusal(code: number, pattern: RegExp) {
  return (error: Error & { closeCode?: number }) => {
    assert.equal(error.closeCode, code);
    assert.match(error.message, pattern);
    return true;
  };
}

describe('a frame that is sent', () => {
  it('is masked under a key of its own', () => {
    const keys = new Set<string>();
    for (let count = 0; count < 50; count += 1) {
      const frame = encodeFrame(OPCODE.text, new Uint8Array(1));
      keys.add(Buffer.from(frame.subarray(2, 6)).toString('hex'));
    }
    assert(keys.size > 45);
  });
});

describe('what a server sends', () => {
  const part = fc.oneof(
    fc.record({ kind: fc.constant('text' as const), text: fc.string({ unit: 'grapheme', maxLength: 200 }) }),
    fc.record({
      kind: fc.constant('binary' as const),
      bytes: fc.uint8Array({ maxLength: 70_000, size: 'max' }),
    }),
    fc.record({ kind: fc.constant('ping' as const), payload: fc.uint8Array({ maxLength: 125 }) }),
  );

  it('is read whole, however it is cut into chunks and fragments', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (parts, fragmentCuts, chunkCuts) => {
          const frames = parts.flatMap((said) => {
            if (said.kind === 'ping') return [serverFrame(OPCODE.ping, said.payload)];
            const fragments = cut(said.kind === 'text' ? Buffer.from(said.text) : said.bytes, fragmentCuts);
            return fragments.map((fragment, index) =>
              serverFrame(
                index > 0 ? OPCODE.continuation : OPCODE[said.kind],
                fragment,
                index === fragments.length - 1,
              ),
            );
          });
          const seen = await readAll(cut(Buffer.concat(frames), chunkCuts));
          assert.deepEqual(
            seen.map((incoming) =>
              incoming.kind === 'ping'
                ? { ...incoming, payload: new Uint8Array(incoming.payload) }
                : incoming,
            ),
            parts.map((said) => ({ ...said })),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  it('never makes the reader fail with anything but an error of the protocol', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        await readAll([bytes], 1000).catch((error: unknown) => assert(error instanceof WebSocketError));
      }),
      { numRuns: 1000 },
    );
  });

  it('may have control frames between fragments', async () => {
    const seen = await readAll([
      serverFrame(OPCODE.text, 'a', false),
      serverFrame(OPCODE.ping, 'p'),
      serverFrame(OPCODE.continuation, '', false),
      serverFrame(OPCODE.pong, 'q'),
      serverFrame(OPCODE.continuation, 'b'),
    ]);
    assert.deepEqual(
      seen.map((incoming) => (incoming.kind === 'text' ? incoming.text : incoming.kind)),
      ['ping', 'pong', 'ab'],
    );
  });

  it('is not read beyond its Close frame', async () => {
    const seen = await readAll([
      serverFrame(OPCODE.close, Buffer.from([0x0f, 0xa0, 0x62, 0x79, 0x65])),
      Buffer.from([0xff, 0xff]),
    ]);
    assert.deepEqual(seen, [{ kind: 'close', status: { code: 4000, reason: 'bye' } }]);
  });

  it('is refused if no server may send it', async () => {
    const wrong: [string, Uint8Array, RegExp][] = [
      ['RSV1', Buffer.from([0xc1, 0]), /extension/],
      ['RSV2', Buffer.from([0xa1, 0]), /extension/],
      ['RSV3', Buffer.from([0x91, 0]), /extension/],
      ['opcode 3', Buffer.from([0x83, 0]), /unknown opcode 3/],
      ['opcode 11', Buffer.from([0x8b, 0]), /unknown opcode 11/],
      ['masked', Buffer.from([0x81, 0x80, 1, 2, 3, 4]), /masked/],
      ['ping in fragments', Buffer.from([0x09, 0]), /in fragments/],
      ['ping of 126 bytes', serverFrame(OPCODE.ping, 'x'.repeat(126)), /too long/],
      ['16-bit length of 125', Buffer.from([0x82, 126, 0, 125]), /more bytes than it takes/],
      ['64-bit length of 65535', Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), /more bytes than/],
      ['length of 2^63', Buffer.from([0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]), /impossible length/],
      ['continuation of nothing', serverFrame(OPCODE.continuation, 'x'), /had not begun/],
      [
        'a message within another',
        Buffer.concat([serverFrame(OPCODE.text, 'x', false), serverFrame(OPCODE.text, 'y')]),
        /within another/,
      ],
      ['half a close code', serverFrame(OPCODE.close, 'x'), /half a code/],
    ];
    for (const [name, bytes, pattern] of wrong) {
      await assert.rejects(readAll([bytes]), refusal(1002, pattern), name);
    }
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535]) {
      const frame = serverFrame(OPCODE.close, Buffer.from([code >> 8, code & 0xff]));
      await assert.rejects(readAll([frame]), refusal(1002, /no such code/), String(code));
    }
  });

  it('is refused if text is not UTF-8', async () => {
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      await assert.rejects(
        readAll([serverFrame(OPCODE.text, Buffer.from(bytes))]),
        refusal(1007, /not UTF-8/),
      );
      const close = serverFrame(OPCODE.close, Buffer.from([0x03, 0xe8, ...bytes]));
      await assert.rejects(readAll([close]), refusal(1007, /not UTF-8/));
    }
  });

  it('may split a character between fragments, and begin with a byte order mark', async () => {
    const [text] = await readAll([
      serverFrame(OPCODE.text, Buffer.from([0xef, 0xbb, 0xbf, 0xe2, 0x82]), false),
      serverFrame(OPCODE.continuation, Buffer.from([0xac])),
    ]);
    assert.deepEqual(text, { kind: 'text', text: '\uFEFF€' });
  });

  it('is refused as soon as its length is known to be too much', async () => {
    const tooLong = refusal(1009, /more than 1000 bytes/);
    await assert.rejects(readAll([Buffer.from([0x82, 126, 0x03, 0xe9])], 1000), tooLong);
    await assert.rejects(
      readAll([Buffer.from([0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255])], 1000),
      tooLong,
    );
    const fragments = [serverFrame(OPCODE.binary, Buffer.alloc(900), false), Buffer.from([0x80, 101])];
    await assert.rejects(readAll(fragments, 1000), tooLong);
    const exact = [serverFrame(OPCODE.binary, Buffer.alloc(900), false), serverFrame(0, Buffer.alloc(100))];
    assert.equal((await readAll(exact, 1000)).length, 1);
  });
});

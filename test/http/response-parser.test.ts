import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { TunnelFetchError } from '../../src/http/errors.js';
import { ResponseParser } from '../../src/http/response-parser.js';

interface Parsed {
  readonly status: number | undefined;
  readonly headers: [string, string][];
  readonly body: string;
  readonly complete: boolean;
  readonly keepAliveMs: number;
}

/** Cuts bytes at these places, where they are in range. */
function cutAt(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const inRange = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...inRange, bytes.length].map((end, i) => bytes.slice(i === 0 ? 0 : inRange[i - 1], end));
}

function parse(pieces: readonly Uint8Array[], ends: boolean): Parsed {
  const parser = new ResponseParser('GET');
  for (const piece of pieces) if (piece.length > 0) parser.feed(piece);
  if (ends) parser.finish();
  const { head, complete, keepAliveMs } = parser;
  const body = Buffer.concat(parser.takePieces()).toString('latin1');
  return { status: head?.status, headers: [...(head?.headers ?? [])], body, complete, keepAliveMs };
}

const latin1 = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
const body = fc.string({ unit: fc.constantFrom('\r', '\n', '0', 'a', 'ÿ', ':', ' '), maxLength: 60 });
const cuts = fc.array(fc.nat(400), { maxLength: 12 });
const head = 'HTTP/1.1 200 OK\r\nx-one: 1\r\nx-two:  ä b \r\n';

/** The same body in the three ways of sending one. */
const framed: Record<string, (body: string, at: number[]) => string> = {
  'with a length': (body) => `${head}content-length: ${body.length}\r\n\r\n${body}`,
  'until the connection ends': (body) => `${head}\r\n${body}`,
  'in chunks': (body, at) => {
    const chunks = cutAt(latin1(body), at)
      .filter((chunk) => chunk.length > 0)
      .map((chunk) => `${chunk.length.toString(16)};x=y\r\n${Buffer.from(chunk).toString('latin1')}\r\n`);
    return `HTTP/1.1 103 Early Hints\r\n\r\n${head}transfer-encoding: chunked\r\n\r\n${chunks.join('')}0\r\nlate: 1\r\n\r\n`;
  },
};

describe('a response is read the same however its bytes are cut', { timeout: 60_000 }, () => {
  for (const [how, frame] of Object.entries(framed)) {
    it(how, () => {
      fc.assert(
        fc.property(body, cuts, cuts, (body, chunkedAt, at) => {
          const bytes = latin1(frame(body, chunkedAt));
          const ends = how === 'until the connection ends';
          const whole = parse([bytes], ends);
          assert.deepEqual([whole.status, whole.body, whole.complete], [200, body, true]);
          assert.deepEqual(parse(cutAt(bytes, at), ends), whole);
          assert.deepEqual(parse(cutAt(bytes, [...bytes.keys()]), ends), whole);
        }),
      );
    });
  }
});

describe('a response that is cut short is never complete', { timeout: 60_000 }, () => {
  for (const how of ['with a length', 'in chunks']) {
    it(how, () => {
      fc.assert(
        fc.property(body, cuts, fc.nat(), (body, chunkedAt, at) => {
          const bytes = latin1(framed[how]?.(body, chunkedAt) ?? '');
          const short = bytes.slice(0, at % bytes.length);
          assert.equal(parse([short], false).complete, false);
          assert.throws(() => parse([short], true), { name: 'TunnelFetchError', code: 'connection' });
        }),
      );
    });
  }
});

describe('bytes of any kind', { timeout: 60_000 }, () => {
  const words = [
    'HTTP/1.1 200 OK',
    '\r\n',
    '\n',
    'content-length: 3',
    'transfer-encoding: chunked',
    '3',
    'abc',
    ' ',
  ];
  const nearly = fc.array(fc.constantFrom(...words, '\r\n\r\n', '0', ':', '\0', 'HTTP/1.1 100 ', ';'), {
    maxLength: 20,
  });
  const any = fc.oneof(
    nearly.map((parts) => latin1(parts.join(''))),
    nearly.map((parts) => latin1(`HTTP/1.1 200 OK\r\n${parts.join('')}`)),
    nearly.map((parts) => latin1(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${parts.join('')}`)),
    fc.uint8Array(),
  );

  it('are read or refused with a typed error, the same however they are cut', () => {
    const outcome = (pieces: Uint8Array[]) => {
      try {
        const { complete, body } = parse(pieces, true);
        return { complete, body };
      } catch (error) {
        assert(error instanceof TunnelFetchError, String(error));
        return 'refused';
      }
    };
    fc.assert(
      fc.property(any, cuts, (bytes, at) => {
        assert.deepEqual(outcome(cutAt(bytes, at)), outcome([bytes]));
      }),
      { numRuns: 2000 },
    );
  });

  it('that follow a complete response are not taken for another, but end the connection', () => {
    fc.assert(
      fc.property(any, cuts, (extra, at) => {
        fc.pre(extra.length > 0);
        const bytes = latin1(`${head}content-length: 2\r\n\r\nok`);
        assert.notEqual(parse([bytes], false).keepAliveMs, 0);
        const parsed = parse(cutAt(new Uint8Array([...bytes, ...extra]), at), false);
        assert.deepEqual([parsed.body, parsed.complete, parsed.keepAliveMs], ['ok', true, 0]);
      }),
    );
  });
});

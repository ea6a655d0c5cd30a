import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { openingOf } from '../../src/demo/connection-opening.js';

describe('the first bytes of a connection', () => {
  it('tell HTTP from everything else as soon as it is clear', () => {
    for (const [bytes, opening] of [
      ['GET / HTTP/1.1\r\n', 'http'],
      ['GET / HTTP/1.0\nhost: x', 'http'],
      ['M-SEARCH * HTTP/1.1\r\n', 'http'],
      ['PRI * HTTP/2.0\r\n', 'http'],
      ['', 'unclear'],
      ['G', 'unclear'],
      ['GET', 'unclear'],
      ['GET /a/path HTTP/1.1\r', 'unclear'],
      ['GETX', 'other'],
      ['get / HTTP/1.1\r\n', 'other'],
      ['hello ', 'other'],
      ['GET a b HTTP/1.1\r\n', 'other'],
      ['GET /\r\n', 'other'],
      ['\n', 'other'],
      ['\u0016\u0003\u0001', 'other'],
    ] as const) {
      assert.equal(openingOf(Buffer.from(bytes)), opening, JSON.stringify(bytes));
    }
  });

  it('are HTTP if the request line does not end, so that a server of HTTP refuses it', () => {
    assert.equal(openingOf(Buffer.from(`GET /${'x'.repeat(17_000)}`)), 'http');
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { deafeningFrame } from '../../src/mixnet/gateway-frames.js';

describe('text frames of a gateway', () => {
  for (const harmless of [
    '{"type":"send","remaining_bandwidth":5}',
    '{"type":"bandwidth","available_total":5}',
    '{"type":"supportedProtocol","version":5}',
    '{"type":"typedError","error":{"out_of_bandwidth":{"required":2413,"available":5}}}',
  ]) {
    it(`go unnoticed: ${harmless}`, () => assert.equal(deafeningFrame(harmless), undefined));
  }

  for (const [text, says] of [
    ['{"type":"error","message":"no more"}', /no more/],
    ['{"type":"typedError","error":"ticket_replay"}', /ticket_replay/],
    ['{"type":"typedError"}', /error/],
    ['not json', /not JSON/],
    ['', /not JSON/],
  ] as const) {
    it(`are known to deafen the official client: ${text}`, () =>
      assert.match(deafeningFrame(text) ?? '', says));
  }

  it('may be any JSON without harm', () => {
    for (const text of ['null', '7', '[]', '"error"', '{"type":null}']) {
      assert.equal(deafeningFrame(text), undefined);
    }
  });
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { formatNodeAddress, readNodeAddress } from '../../src/localnet/node-address.js';
import { unwrap } from '../../src/localnet/sphinx/unwrap.js';
import { importPrivateKey } from '../../src/localnet/sphinx/x25519.js';

interface Hop {
  readonly privateKey: string;
  readonly version: number;
  readonly kind: 'forward' | 'final';
  readonly replayTag: string;
  readonly nextHop?: string;
  readonly delayNs?: string;
  readonly forwardedSha256?: string;
  readonly destination?: string;
  readonly payloadLength?: number;
  readonly payloadSha256?: string;
  readonly messageSha256?: string;
  readonly ack?: { readonly firstHop: string; readonly packetSha256: string };
}

interface Vector {
  readonly name: string;
  readonly packetHex: string;
  readonly hops: readonly Hop[];
}

// Tests run in the project's root.
const { vectors } = JSON.parse(readFileSync('test/vectors/sphinx-vectors.json', 'utf8')) as {
  vectors: readonly Vector[];
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
/** The vectors write IPv6 addresses in another form. */
const shortest = (address: string): string => address.replace('[fd00:0:0:0:0:0:0:9]', '[fd00::9]');

describe('unwrap', () => {
  for (const vector of vectors) {
    it(`takes a packet to its last hop: ${vector.name}`, () => {
      let packet: Uint8Array = Buffer.from(vector.packetHex, 'hex');
      for (const hop of vector.hops) packet = checkHop(hop, packet);
    });
  }

  it('is checked against four vectors', () => {
    assert.equal(vectors.length, 4);
    assert.deepEqual(
      vectors.map(({ hops }) => hops.length),
      [4, 4, 4, 4],
    );
  });
});

/** Unwraps at one hop, and returns the packet for the next. */
function checkHop(hop: Hop, packet: Uint8Array): Uint8Array {
  const unwrapped = unwrap(importPrivateKey(Buffer.from(hop.privateKey, 'hex')), packet);
  assert.equal(unwrapped.kind, hop.kind);
  assert.equal(unwrapped.version, hop.version);
  assert.equal(hex(unwrapped.replayTag), hop.replayTag);
  if (unwrapped.kind === 'forward') {
    assert.equal(formatNodeAddress(unwrapped.nextHop), shortest(hop.nextHop ?? ''));
    assert.equal(String(unwrapped.delayNs), hop.delayNs);
    assert.equal(sha256(unwrapped.packet), hop.forwardedSha256);
    return unwrapped.packet;
  }
  const { payload } = unwrapped;
  assert.equal(hex(unwrapped.destination), hop.destination);
  assert.equal(payload.length, hop.payloadLength);
  assert.equal(sha256(payload), hop.payloadSha256);
  if (hop.ack !== undefined) {
    assert.equal(formatNodeAddress(readNodeAddress(payload).address), hop.ack.firstHop);
    assert.equal(sha256(payload.subarray(19, 405)), hop.ack.packetSha256);
    assert.equal(sha256(payload.subarray(405)), hop.messageSha256);
  }
  return payload;
}

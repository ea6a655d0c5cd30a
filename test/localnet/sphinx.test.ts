import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';

import fc from 'fast-check';

import { build } from '../../src/localnet/sphinx/build.js';
import { SphinxError, type SphinxErrorCode } from '../../src/localnet/sphinx/errors.js';
import { PACKET_SIZES, SPHINX_VERSIONS } from '../../src/localnet/sphinx/format.js';
import { deriveHopKeys } from '../../src/localnet/sphinx/keys.js';
import { applyKeystream, routingMac } from '../../src/localnet/sphinx/routing.js';
import { unwrap } from '../../src/localnet/sphinx/unwrap.js';
import { importPrivateKey, importPublicKey, publicKeyOf, x25519 } from '../../src/localnet/sphinx/x25519.js';

interface TestHop {
  readonly privateKey: ReturnType<typeof importPrivateKey>;
  readonly address: { readonly host: string; readonly port: number };
  readonly publicKey: Uint8Array;
  readonly delayNs: bigint;
}

function newHop(index: number, delayNs = BigInt(index)): TestHop {
  const privateKey = importPrivateKey(randomBytes(32));
  const host = index % 2 === 0 ? `10.0.0.${index}` : `fd00::${index}`;
  return { privateKey, address: { host, port: 1000 + index }, publicKey: publicKeyOf(privateKey), delayNs };
}

const hops = Array.from({ length: 5 }, (_, index) => newHop(index));
const [first = newHop(0), second = newHop(1)] = hops;

function regularPacket(): Uint8Array {
  const destination = new Uint8Array(32).fill(7);
  const payload = randomBytes(2048);
  return build({
    version: 259,
    packetSize: PACKET_SIZES.regular,
    hops: [first, second],
    destination,
    payload,
  });
}

/** A packet for the first hop with a good MAC and a routing block that begins as given. */
function withRouting(start: readonly number[]): Uint8Array {
  const ephemeral = importPrivateKey(randomBytes(32));
  const keys = deriveHopKeys(x25519(ephemeral, importPublicKey(first.publicKey)));
  const beta = applyKeystream(
    keys,
    Uint8Array.from({ length: 300 }, (_, i) => start[i] ?? 0),
  );
  return Buffer.concat([publicKeyOf(ephemeral), routingMac(keys, beta), beta, randomBytes(38)]);
}

function throwsWith(code: SphinxErrorCode, action: () => unknown): void {
  assert.throws(action, (error) => error instanceof SphinxError && error.code === code);
}

describe('a Sphinx packet', () => {
  for (const version of SPHINX_VERSIONS) {
    for (const [name, packetSize] of Object.entries(PACKET_SIZES)) {
      it(`of version ${version} and size ${name} arrives over one to five hops as it was sent`, () => {
        const room = packetSize - 365;
        const payloads = fc.uint8Array({ maxLength: room, size: 'max' });
        const ways = fc.integer({ min: 1, max: 5 });
        fc.assert(
          fc.property(
            ways,
            payloads,
            fc.uint8Array({ minLength: 32, maxLength: 32 }),
            (count, payload, to) => {
              const route = hops.slice(0, count);
              let packet = build({ version, packetSize, hops: route, destination: to, payload });
              for (const [index, hop] of route.entries()) {
                const unwrapped = unwrap(hop.privateKey, packet);
                assert.equal(unwrapped.version, version);
                if (unwrapped.kind === 'final') {
                  assert.equal(index, count - 1);
                  assert.deepEqual(unwrapped.destination, to);
                  assert.deepEqual(unwrapped.payload, payload);
                  return;
                }
                assert.deepEqual(unwrapped.nextHop, hops[index + 1]?.address);
                assert.equal(unwrapped.delayNs, hop.delayNs);
                assert.equal(unwrapped.packet.length, packetSize);
                packet = unwrapped.packet;
              }
              assert.fail('the last hop was not told that it is the last');
            },
          ),
          { numRuns: 4, examples: [[5, new Uint8Array(room).fill(1), new Uint8Array(32)]] },
        );
      });
    }
  }

  it('carries any delay that 64 bits hold', () => {
    for (const delayNs of [0n, 1n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
      const route = [{ ...first, delayNs }, second];
      const packet = build({
        version: 258,
        packetSize: PACKET_SIZES.ack,
        hops: route,
        destination: new Uint8Array(32),
        payload: new Uint8Array(21),
      });
      const unwrapped = unwrap(first.privateKey, packet);
      assert.equal(unwrapped.kind === 'forward' && unwrapped.delayNs, delayNs);
    }
  });

  it('has a replay tag of its own, the same each time it is unwrapped', () => {
    const [packet, other] = [regularPacket(), regularPacket()];
    const tag = unwrap(first.privateKey, packet).replayTag;
    assert.deepEqual(unwrap(first.privateKey, packet).replayTag, tag);
    assert.notDeepEqual(unwrap(first.privateKey, other).replayTag, tag);
  });

  it('is not changed by unwrapping, at a hop nor at the last one', () => {
    const packet = regularPacket();
    const copy = packet.slice();
    const unwrapped = unwrap(first.privateKey, packet);
    assert.deepEqual(packet, copy);
    assert.ok(unwrapped.kind === 'forward');
    const next = unwrapped.packet.slice();
    unwrap(second.privateKey, unwrapped.packet);
    assert.deepEqual(unwrapped.packet, next);
  });

  it('can lie anywhere in a larger buffer', () => {
    const packet = regularPacket();
    const inside = Buffer.concat([randomBytes(13), packet, randomBytes(5)]).subarray(13, 13 + packet.length);
    assert.deepEqual(unwrap(first.privateKey, inside), unwrap(first.privateKey, packet));
  });
});

describe('unwrap', () => {
  it('refuses a header with any bit changed', () => {
    const packet = regularPacket();
    const position = fc.integer({ min: 0, max: 347 });
    fc.assert(
      fc.property(position, fc.integer({ min: 0, max: 7 }), (at, bit) => {
        // The highest bit of alpha has no meaning (RFC 7748 section 5).
        fc.pre(!(at === 31 && bit === 7));
        const changed = packet.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        throwsWith('bad-mac', () => unwrap(first.privateKey, changed));
      }),
      { numRuns: 300 },
    );
  });

  it('refuses at the last hop a payload with any bit changed on the way', () => {
    const packet = regularPacket();
    fc.assert(
      fc.property(fc.integer({ min: 348, max: 2412 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const changed = packet.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        const forwarded = unwrap(first.privateKey, changed);
        assert.ok(forwarded.kind === 'forward');
        throwsWith('bad-payload', () => unwrap(second.privateKey, forwarded.packet));
      }),
      { numRuns: 100 },
    );
  });

  it("refuses a packet for another node's key", () => {
    throwsWith('bad-mac', () => unwrap(second.privateKey, regularPacket()));
  });

  it('refuses lengths that no packet has', () => {
    for (const length of [0, 1, 347, 348, 380, 33134]) {
      throwsWith('bad-length', () => unwrap(first.privateKey, new Uint8Array(length)));
    }
  });

  it('refuses an alpha of low order', () => {
    const packet = regularPacket();
    packet.fill(0, 0, 32);
    throwsWith('bad-alpha', () => unwrap(first.privateKey, packet));
  });

  it('refuses versions that no hop knows', () => {
    for (const version of [0, 2, 255, 256, 261, 65535]) {
      throwsWith('unknown-version', () =>
        unwrap(first.privateKey, withRouting([2, 0, version >> 8, version])),
      );
    }
    throwsWith('unknown-version', () => unwrap(first.privateKey, withRouting([2, 1, 1, 3])));
  });

  it('refuses routing blocks that say neither forward nor final, or name no node', () => {
    for (const flag of [0, 3, 255]) {
      throwsWith('bad-routing', () => unwrap(first.privateKey, withRouting([flag, 0, 1, 3])));
    }
    throwsWith('bad-routing', () => unwrap(first.privateKey, withRouting([1, 0, 1, 3, 5])));
  });

  it('answers any routing block of a sender that knows the key with a SphinxError or a result', () => {
    const routing = fc.uint8Array({ minLength: 300, maxLength: 300 });
    const start = fc.tuple(fc.constantFrom(0, 1, 2), fc.constantFrom(0, 0, 1), fc.constantFrom(1, 2));
    fc.assert(
      fc.property(start, routing, ([flag, zero, high], rest) => {
        try {
          unwrap(first.privateKey, withRouting([flag, zero, high, ...rest.subarray(3)]));
        } catch (error) {
          assert.ok(error instanceof SphinxError);
        }
      }),
    );
  });

  it('answers random bytes with a SphinxError, always', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000, size: 'max' }), (bytes) => {
        assert.throws(() => unwrap(first.privateKey, bytes), SphinxError);
      }),
    );
  });
});

describe('build', () => {
  const sound = {
    version: 259,
    packetSize: PACKET_SIZES.ack,
    hops: [first],
    destination: new Uint8Array(32),
    payload: new Uint8Array(21),
  } as const;

  it('refuses what no packet can hold', () => {
    assert.throws(() => build({ ...sound, hops: [] }), RangeError);
    assert.throws(() => build({ ...sound, hops: [...hops, first] }), RangeError);
    assert.throws(() => build({ ...sound, payload: new Uint8Array(22) }), RangeError);
    assert.throws(() => build({ ...sound, packetSize: 380 }), RangeError);
    assert.throws(() => build({ ...sound, packetSize: 33134 }), RangeError);
    assert.throws(() => build({ ...sound, destination: new Uint8Array(31) }), RangeError);
  });
});

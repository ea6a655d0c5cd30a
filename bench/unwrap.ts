/**
 * How fast one core unwraps Sphinx packets of the regular size.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';

import { build, type SphinxHop } from '../src/localnet/sphinx/build.js';
import { PACKET_SIZES } from '../src/localnet/sphinx/format.js';
import { unwrap } from '../src/localnet/sphinx/unwrap.js';
import { importPrivateKey, publicKeyOf } from '../src/localnet/sphinx/x25519.js';

export interface UnwrapRates {
  readonly forwardPerSecond: number;
  readonly finalPerSecond: number;
}

const PACKETS = 64;
const WARM_UP_MS = 500;
const SPELLS = 5;
const SPELL_MS = 400;

/** Unwraps packets of version 259, one by one, for about five seconds. */
export function measureUnwraps(): UnwrapRates {
  return { forwardPerSecond: medianRate(2), finalPerSecond: medianRate(1) };
}

/** Unwraps per second at the first of `hops` hops. */
function medianRate(hops: number): number {
  const privateKey = importPrivateKey(randomBytes(32));
  const hop: SphinxHop = {
    address: { host: '127.0.0.1', port: 1789 },
    publicKey: publicKeyOf(privateKey),
    delayNs: 0n,
  };
  const packets = Array.from({ length: PACKETS }, () =>
    build({
      version: 259,
      packetSize: PACKET_SIZES.regular,
      hops: Array<SphinxHop>(hops).fill(hop),
      destination: randomBytes(32),
      payload: randomBytes(2048),
    }),
  );
  const unwrapAll = (): void => {
    for (const packet of packets) unwrap(privateKey, packet);
  };
  rate(unwrapAll, WARM_UP_MS);
  const rates = Array.from({ length: SPELLS }, () => rate(unwrapAll, SPELL_MS)).sort((a, b) => a - b);
  return rates[SPELLS >> 1] ?? 0;
}

function rate(unwrapAll: () => void, forMs: number): number {
  const start = performance.now();
  let unwrapped = 0;
  while (performance.now() - start < forMs) {
    unwrapAll();
    unwrapped += PACKETS;
  }
  return Math.round((1000 * unwrapped) / (performance.now() - start));
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  randomMebibytes,
  readToEnd,
  sha256,
  TestNetwork,
  TestTunnel,
  TestUpstream,
} from '../support/tunnel.js';

const TIME_LIMIT = { timeout: 9 * 60_000 };

const MEBIBYTES = 10;

/** Every hand-over between nodes, acknowledgements included, meets these odds. */
const FAULTS = { loss: 0.05, duplication: 0.05 };

for (const [network, faults] of [
  ['a faithful mixnet', {}],
  ['a mixnet that loses 5 % of all packets and repeats 5 %', FAULTS],
] as const) {
  describe(`${MEBIBYTES} MiB over ${network}`, TIME_LIMIT, () => {
    it('arrive exactly when uploaded', TIME_LIMIT, async () => {
      await using net = await TestNetwork.start({ faults });
      const bytes = randomMebibytes(MEBIBYTES);
      await using upstream = await TestUpstream.start((socket) => {
        void readToEnd(socket).then((received) => socket.end(sha256(received)));
      });
      await using tunnel = await TestTunnel.start(net.env, upstream.address);
      const socket = tunnel.connect();
      socket.end(bytes);
      assert.equal((await readToEnd(socket)).toString(), sha256(bytes));
    });

    it('arrive exactly when downloaded', TIME_LIMIT, async () => {
      await using net = await TestNetwork.start({ faults });
      const bytes = randomMebibytes(MEBIBYTES);
      await using upstream = await TestUpstream.start((socket) => void socket.end(bytes));
      await using tunnel = await TestTunnel.start(net.env, upstream.address);
      const received = readToEnd(tunnel.connect());
      assert.equal(sha256(await received), sha256(bytes));
    });
  });
}

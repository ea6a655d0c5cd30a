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

const TIME_LIMIT = { timeout: 15 * 60_000 };

const MEBIBYTES = 10;

/** The first byte of a connection tells the upstream which way the bytes go. */
const [DOWNLOAD, UPLOAD] = [1, 2];

const weathers = {
  'a faithful mixnet': {},
  // Every hand-over between nodes, those of acknowledgements included, meets these odds.
  'a mixnet that loses 5 % of all packets and repeats 5 %': { loss: 0.05, duplication: 0.05 },
};

for (const [weather, faults] of Object.entries(weathers)) {
  describe(`Over ${weather}`, TIME_LIMIT, () => {
    it(
      `${MEBIBYTES} MiB uploaded and ${MEBIBYTES} MiB downloaded at once arrive exactly`,
      TIME_LIMIT,
      async () => {
        await using network = await TestNetwork.start({ faults });
        const [up, down] = [randomMebibytes(MEBIBYTES), randomMebibytes(MEBIBYTES)];
        await using upstream = await TestUpstream.start((socket) => {
          socket.once('data', (command: Buffer) => {
            if (command[0] === DOWNLOAD) return socket.end(down);
            socket.unshift(command.subarray(1));
            return void readToEnd(socket).then((received) => socket.end(sha256(received)));
          });
        });
        await using tunnel = await TestTunnel.start(network.env, upstream.address);

        const downloading = tunnel.connect();
        const downloaded = readToEnd(downloading);
        downloading.write(Uint8Array.of(DOWNLOAD));
        const uploading = tunnel.connect();
        const answer = readToEnd(uploading);
        uploading.end(Buffer.concat([Uint8Array.of(UPLOAD), up]));

        assert.equal((await answer).toString(), sha256(up));
        assert.equal(sha256(await downloaded), sha256(down));
      },
    );
  });
}

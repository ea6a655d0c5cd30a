import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { MixnetClientError } from '../../src/mixnet/errors.js';
import { relayDirectory, type Change } from './directory-relay.js';
import { bytes, limit, nextMessage, withLocalnet } from './localnet-clients.js';

describe('the start of a mixnet client', { timeout: 300_000 }, () => {
  const world = withLocalnet();

  const answer =
    (part: string, change: (json: string) => string | undefined): Change =>
    (path, json) =>
      path.includes(part) ? change(json) : json;
  const failures: [what: string, change: Change, error: object][] = [
    [
      'because the official client panics',
      answer('key-rotation-info', (json) => json.replace(/"validity_epochs":\d+/, '"validity_epochs":0')),
      { name: 'MixnetClientError', code: 'crashed' },
    ],
    [
      'because the directory talks nonsense',
      answer('key-rotation-info', () => '{}'),
      { name: 'MixnetClientError', code: 'network' },
    ],
    [
      'because a mix layer is empty',
      answer('rewarded-set', (json) => json.replace(/"layer2":\[[^\]]*\]/, '"layer2":[]')),
      { name: 'MixnetClientError', code: 'network' },
    ],
    [
      'because the directory lists no gateway',
      answer('entry-gateways', () => '{"nodes":{"pagination":{"total":0},"data":[]}}'),
      { name: 'MixnetClientError', code: 'network' },
    ],
  ];
  for (const [what, change, error] of failures) {
    it(`says that it failed ${what}`, limit, async () => {
      await using directory = await relayDirectory(world.net.apiUrl);
      directory.change = change;
      await assert.rejects(world.start({ network: { name: 'lying', apiUrl: directory.apiUrl } }), error);
    });
  }

  for (const part of ['entry-gateways', 'rewarded-set']) {
    it(`gives up in time when the directory never answers ${part}`, limit, async () => {
      await using directory = await relayDirectory(world.net.apiUrl);
      directory.change = answer(part, () => undefined);
      await assert.rejects(
        world.start({ network: { name: 'silent', apiUrl: directory.apiUrl }, startTimeoutMs: 1_500 }),
        (thrown) => thrown instanceof MixnetClientError && /within 1.5 s/.test(thrown.message),
      );
    });
  }

  it('ends at once when its signal aborts', limit, async () => {
    const reason = new Error('changed my mind');
    await assert.rejects(world.start({ signal: AbortSignal.abort(reason) }), reason);

    await using directory = await relayDirectory(world.net.apiUrl);
    for (const part of ['entry-gateways', 'rewarded-set']) {
      const control = new AbortController();
      directory.change = answer(part, () => {
        control.abort(reason);
        return undefined;
      });
      const network = { name: 'slow', apiUrl: directory.apiUrl };
      await assert.rejects(world.start({ network, signal: control.signal }), reason);
    }
  });

  it('is not affected by a signal that aborts once it has started', limit, async () => {
    const control = new AbortController();
    const client = await world.start({ signal: control.signal });
    control.abort();
    const arrived = nextMessage(client);
    await client.send(client.address, bytes('still here'), 0);
    assert.deepEqual((await arrived).payload, bytes('still here'));
  });
});
